package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/supervisor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bank is a provider. What do says of an attempt, from 1, is what the provider does, or a
// charge if it says nil.
type bank struct {
	mu       sync.Mutex
	do       func(ctx context.Context, attempt int) error
	attempts []time.Time
	charged  map[string]int // cents by key
}

func (b *bank) Charge(ctx context.Context, key string, cents int) (string, error) {
	b.mu.Lock()
	b.attempts = append(b.attempts, time.Now())
	attempt, do := len(b.attempts), b.do
	b.mu.Unlock()
	if do != nil {
		if err := do(ctx, attempt); err != nil {
			return "", err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.charged[key] = cents
	return "receipt for " + key, nil
}

// counter is a shop in a bubble of its own, and what a customer sees of it.
type counter struct {
	*testing.T
	*shop
	bank *bank
	tree supervisor.Tree
}

// atCounter runs f with a shop whose provider does what do says.
func atCounter(t *testing.T, do func(ctx context.Context, attempt int) error, f func(c *counter)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &counter{T: t, bank: &bank{do: do, charged: map[string]int{}}}
		c.start(new(Store))
		f(c)
	})
}

// start starts a shop on what a store has.
func (c *counter) start(store *Store) {
	c.Helper()
	c.shop = newShop(store, c.bank)
	tree, err := supervisor.Start(actortest.NewSystem(c, actortest.Silent()), c.spec())
	if err != nil {
		c.Fatal(err)
	}
	c.tree = tree
}

// ask makes a request, which must be answered with a status.
func (c *counter) ask(status int, method, path string) (o Order) {
	c.Helper()
	w := httptest.NewRecorder()
	c.routes().ServeHTTP(w, httptest.NewRequest(method, path, nil))
	if w.Code != status {
		c.Fatalf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, status)
	}
	if status == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &o); err != nil {
			c.Fatal(err)
		}
	}
	return o
}

// order makes an order of a pot of tea, and returns its path.
func (c *counter) order() string {
	c.Helper()
	path := fmt.Sprint("/orders/", c.ask(http.StatusOK, "POST", "/orders").Number)
	c.ask(http.StatusOK, "POST", path+"/items?name=tea&cents=300")
	return path
}

// expect asks for an order when nothing more happens without the passing of time.
func (c *counter) expect(path string, want Status) {
	c.Helper()
	synctest.Wait()
	if got := c.ask(http.StatusOK, "GET", path).Status; got != want {
		c.Fatalf("the order is %s, want %s", got, want)
	}
}

// actor returns the actor of an order that runs.
func (c *counter) actor() actor.PID {
	c.Helper()
	for _, ref := range c.orders.All() {
		return ref.PID()
	}
	c.Fatal("no order runs")
	return actor.PID{}
}

func TestOrderOverHTTP(t *testing.T) {
	atCounter(t, nil, func(c *counter) {
		path := fmt.Sprint("/orders/", c.ask(http.StatusOK, "POST", "/orders").Number)
		c.ask(http.StatusConflict, "POST", path+"/payment") // it is empty
		c.ask(http.StatusBadRequest, "POST", path+"/items?name=tea")
		c.ask(http.StatusOK, "POST", path+"/items?name=tea&cents=300")
		c.ask(http.StatusOK, "POST", path+"/items?name=milk&cents=20")
		c.expect(path, open)
		if o := c.ask(http.StatusOK, "POST", path+"/payment"); o.Status != paid || o.Receipt == "" {
			t.Errorf("after the payment it is %+v", o)
		}
		c.ask(http.StatusOK, "POST", path+"/payment") // is the same payment
		c.ask(http.StatusConflict, "POST", path+"/items?name=sugar&cents=10")
		c.ask(http.StatusNotFound, "GET", "/orders/1")
		c.ask(http.StatusNotFound, "GET", "/orders/tea")
		if len(c.bank.charged) != 1 || len(c.bank.attempts) != 1 || c.bank.charged["order "+path[len("/orders/"):]] != 320 {
			t.Errorf("charged %v in %d attempts", c.bank.charged, len(c.bank.attempts))
		}
	})
}

func TestAnUnpaidOrderExpires(t *testing.T) {
	atCounter(t, nil, func(c *counter) {
		path := c.order()
		time.Sleep(payWithin - time.Second)
		c.expect(path, open)
		actortest.Crash(t, c.actor(), nil) // gives it no more time
		time.Sleep(time.Second)
		c.expect(path, expired)
		c.ask(http.StatusConflict, "POST", path+"/payment")
		c.ask(http.StatusConflict, "POST", path+"/items?name=milk&cents=20")

		time.Sleep(quiet)
		synctest.Wait()
		if n := c.orders.Count(); n != 0 {
			t.Errorf("%d orders run that have ended", n)
		}
		c.expect(path, expired)
	})
}

// What the provider, or a worker, fails with for a while.
func TestAChargeIsTriedAgain(t *testing.T) {
	down := errors.New("connection reset")
	for name, fail := range map[string]func(ctx context.Context) error{
		"error": func(context.Context) error { return down },
		"panic": func(context.Context) error { panic("a bug in the client of the provider") },
		"slow":  func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			atCounter(t, func(ctx context.Context, attempt int) error {
				if attempt < attempts {
					return fail(ctx)
				}
				return nil
			}, func(c *counter) {
				path := c.order()
				go c.routes().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", path+"/payment", nil))
				c.expect(path, paying) // it answers meanwhile
				time.Sleep(time.Minute)
				c.expect(path, paid)
				if len(c.bank.attempts) != attempts {
					t.Fatalf("%d attempts", len(c.bank.attempts))
				}
				wait := firstWait
				for i, at := range c.bank.attempts[1:] {
					if d := at.Sub(c.bank.attempts[i]); d < wait*4/5 || d > wait+chargeLimit {
						t.Errorf("attempt %d came after %v", i+2, d)
					}
					wait *= 2
				}
			})
		})
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	atCounter(t, func(_ context.Context, attempt int) error {
		if attempt <= attempts {
			return errors.New("connection reset")
		}
		return nil
	}, func(c *counter) {
		path := c.order()
		c.ask(http.StatusServiceUnavailable, "POST", path+"/payment") // before the last attempt
		time.Sleep(time.Minute)
		c.expect(path, unpaid)
		if len(c.bank.attempts) != attempts {
			t.Errorf("%d attempts", len(c.bank.attempts))
		}
		c.ask(http.StatusConflict, "POST", path+"/items?name=milk&cents=20")
		c.ask(http.StatusOK, "POST", path+"/payment")
	})
}

func TestADeclinedCardIsNotTriedAgain(t *testing.T) {
	atCounter(t, func(context.Context, int) error { return errDeclined }, func(c *counter) {
		path := c.order()
		c.ask(http.StatusPaymentRequired, "POST", path+"/payment")
		c.expect(path, unpaid)
		if len(c.bank.attempts) != 1 {
			t.Errorf("%d attempts", len(c.bank.attempts))
		}
		time.Sleep(payWithin)
		c.expect(path, expired)
	})
}

// A provider that neither answers nor heeds a deadline costs the worker, and no order.
func TestAProviderThatHangs(t *testing.T) {
	atCounter(t, nil, func(c *counter) {
		release := make(chan struct{})
		defer close(release)
		c.bank.do = func(context.Context, int) error { <-release; return nil }
		path := c.order()
		c.ask(http.StatusServiceUnavailable, "POST", path+"/payment")
		time.Sleep(2 * time.Minute)
		c.expect(path, unpaid)
	})
}

// The order crashes, or the whole program ends, while a worker is charging.
func TestAPaymentGoesOn(t *testing.T) {
	for name, end := range map[string]func(c *counter){
		"after a crash of the order": func(c *counter) { actortest.Crash(c, c.actor(), nil) },
		"after a restart of the program": func(c *counter) {
			if err := c.tree.Stop(c.Context()); err != nil {
				c.Error(err)
			}
			c.start(c.store)
		},
	} {
		t.Run(name, func(t *testing.T) {
			atCounter(t, func(ctx context.Context, attempt int) error {
				if attempt > 1 {
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			}, func(c *counter) {
				path := c.order()
				answered := make(chan int)
				go func() {
					w := httptest.NewRecorder()
					c.routes().ServeHTTP(w, httptest.NewRequest("POST", path+"/payment", nil))
					answered <- w.Code
				}()
				synctest.Wait()
				end(c)
				if code := <-answered; code != http.StatusServiceUnavailable {
					t.Errorf("who waited got status %d", code)
				}
				time.Sleep(time.Minute) // nobody asks for the order
				synctest.Wait()
				if o, err := c.store.Load(c.number(path)); err != nil || o.Status != paid {
					t.Errorf("it is %+v, %v", o, err)
				}
				if len(c.bank.charged) != 1 {
					t.Errorf("charged %v", c.bank.charged)
				}
			})
		})
	}
}

func (c *counter) number(path string) (n int) {
	c.Helper()
	if _, err := fmt.Sscanf(path, "/orders/%d", &n); err != nil {
		c.Fatal(err)
	}
	return n
}

func TestMetricsCountHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(new(Store), &bank{charged: map[string]int{}})
		p := program("", s)
		sys := actor.NewSystem(p.Config)
		defer sys.Shutdown(t.Context())
		tree, err := supervisor.Start(sys, s.spec())
		if err != nil {
			t.Fatal(err)
		}
		c := &counter{T: t, shop: s, tree: tree}
		c.ask(http.StatusOK, "POST", c.order()+"/payment")
		synctest.Wait()
		w := httptest.NewRecorder()
		s.routes().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		for _, want := range []string{
			"orders_running 1\n",
			"payments_busy 0\n",
			`handled{actor="*main.order",handler="Receive",message="main.add"} 1` + "\n",
			`handled{actor="*main.order",handler="Receive",message="main.pay"} 1` + "\n",
			`handled{actor="main.teller",handler="Receive",message="main.bill"} 1` + "\n",
			`failed{actor="main.teller",handler="Receive",message="main.bill"} 0` + "\n",
		} {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("no %q in\n%s", want, w.Body)
			}
		}
	})
}
