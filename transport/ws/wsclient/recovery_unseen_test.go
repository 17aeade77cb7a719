package wsclient_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// Recoveries that come while the channel's functions do not keep up are told as one, which says
// that messages are lost if one of them said so; and no other change of state hides it.
func TestARecoveryBehindAFullQueueIsNotLost(t *testing.T) {
	const lost, whole = `{"missed":2,"complete":false}`, `{"missed":3,"complete":true}`
	for name, c := range map[string]struct {
		recoveries []string
		after      func(t *testing.T, p *puppet, peer *peer) // what happens then
		want       string
	}{
		"lost":                 {[]string{lost}, nil, "[x x joined 2 false]"},
		"lost, then whole":     {[]string{lost, whole}, nil, "[x x joined 3 false]"},
		"whole, then lost":     {[]string{whole, lost}, nil, "[x x joined 2 false]"},
		"lost before many":     {[]string{lost, whole, whole, whole}, nil, "[x x joined 3 false]"},
		"whole":                {[]string{whole, whole}, nil, "[x x joined 3 true]"},
		"lost before an error": {[]string{lost, whole}, func(_ *testing.T, p *puppet, peer *peer) { peer.ws.CloseNow(); p.peer() }, "[x x 3 false error]"},
		"lost before the end": {[]string{lost}, func(_ *testing.T, _ *puppet, peer *peer) {
			peer.send(`["2","2","room:a","phx_close",{}]`)
		}, "[x x 2 false closed]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPuppet(t)
				_, ch, peer := p.joined(instantly, func(o *wsclient.Config) { o.EventLimit = 1 })
				release := make(chan struct{})
				var got []string
				note := func(s string) { got = append(got, s) }
				ch.On("x", func(wsclient.Message) { <-release; note("x") })
				ch.OnError(func(error) { note("error") })
				ch.OnJoin(func(wsclient.Payload) { note("joined") })
				ch.OnClose(func(error) { note("closed") })
				ch.OnRecovery(func(r wsclient.Recovery) { note(fmt.Sprint(r.Missed, " ", r.Complete)) })
				for n := range 2 { // one in hand, and the queue is full
					peer.send(fmt.Sprintf(`[null,"@e:%d","room:a","x",{}]`, n+1))
					synctest.Wait()
				}
				comeBack := func(i int, recovery string) {
					peer.ws.CloseNow()
					peer = p.peer()
					ref := i + 2
					peer.expect(fmt.Sprintf(`["%d","%[1]d","room:a","phx_join",{"since":"@e:2"}]`, ref))
					peer.send(fmt.Sprintf(`["%d","%[1]d","room:a","phx_reply",{"status":"ok","response":{}}]`, ref))
					peer.send(fmt.Sprintf(`["%d","@e:2","room:a","phx_recovery",%s]`, ref, recovery))
					synctest.Wait()
				}
				for i, r := range c.recoveries {
					comeBack(i, r)
				}
				if c.after != nil {
					c.after(t, p, peer)
					synctest.Wait()
				}
				close(release)
				synctest.Wait()
				if fmt.Sprint(got) != c.want {
					t.Errorf("got %v, want %s", got, c.want)
				}
			})
		})
	}
}

// So it is with channels that outlive their connections: that one of them was another one is told,
// whatever has happened since.
func TestAResumptionBehindAFullQueueIsNotLost(t *testing.T) {
	const there, anew = true, false
	for name, c := range map[string]struct {
		resumed []bool
		fails   bool // in the end
		want    string
	}{
		"anew":                 {[]bool{anew}, false, "[x x resumed false joined]"},
		"there":                {[]bool{there, there}, false, "[x x resumed true joined]"},
		"anew, then there":     {[]bool{anew, there, there}, false, "[x x resumed false joined]"},
		"there, then anew":     {[]bool{there, anew}, false, "[x x resumed false joined]"},
		"anew before an error": {[]bool{anew}, true, "[x x resumed false error]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPuppet(t)
				_, ch, peer := p.joined(instantly, func(o *wsclient.Config) { o.EventLimit = 1 })
				release := make(chan struct{})
				var got []string
				note := func(s string) { got = append(got, s) }
				ch.On("x", func(wsclient.Message) { <-release; note("x") })
				ch.OnError(func(error) { note("error") })
				comeBack := func(i int, resumed bool) {
					peer.ws.CloseNow()
					peer = p.peer()
					ref := i + 2
					join := fmt.Sprintf(`["%d","%[1]d","room:a","phx_join",{}]`, ref)
					if i > 0 {
						join = fmt.Sprintf(`["%d","%[1]d","room:a","phx_join",{"got":"","resume_token":"t%d"}]`, ref, i-1)
					}
					peer.expect(join)
					peer.send(fmt.Sprintf(`["%d","%[1]d","room:a","phx_reply",{"status":"ok","response":{"resume_token":"t%d","resumed":%t}}]`, ref, i, resumed))
					synctest.Wait()
				}
				comeBack(0, false) // which gets the first token
				ch.OnJoin(func(wsclient.Payload) { note("joined") })
				ch.OnResume(func(resumed bool) { note(fmt.Sprint("resumed ", resumed)) })
				got = nil     // an error
				for range 2 { // one in hand, and the queue is full
					peer.send(`[null,null,"room:a","x",{}]`)
					synctest.Wait()
				}
				for i, resumed := range c.resumed {
					comeBack(i+1, resumed)
				}
				if c.fails {
					peer.ws.CloseNow()
					p.peer()
					synctest.Wait()
				}
				close(release)
				synctest.Wait()
				if fmt.Sprint(got) != c.want {
					t.Errorf("got %v, want %s", got, c.want)
				}
			})
		})
	}
}
