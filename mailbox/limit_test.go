package mailbox_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/mailbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBoundedWantsACapacity(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	mailbox.Bounded(0, mailbox.Fail)
}

func TestOverflowNamesItself(t *testing.T) {
	for policy, want := range map[mailbox.Overflow]string{
		mailbox.Fail: "fail", mailbox.Block: "block", mailbox.DropNewest: "drop newest",
		mailbox.DropOldest: "drop oldest", 9: "overflow(9)",
	} {
		if got := policy.String(); got != want {
			t.Errorf("%d is called %q, want %q", uint8(policy), got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	for want, l := range map[string]mailbox.Limit{
		"mailbox: Capacity is negative: -1":                          {Capacity: -1},
		"mailbox: HighWater is negative: -2":                         {HighWater: -2},
		"mailbox: Overflow is unknown: 4":                            {Capacity: 1, Overflow: 4},
		"mailbox: Overflow is drop oldest, and there is no Capacity": {Overflow: mailbox.DropOldest},
		"mailbox: HighWater is 3, more than the Capacity of 2":       {Capacity: 2, HighWater: 3},
	} {
		if err := l.Validate(); err == nil || err.Error() != want {
			t.Errorf("%+v: got %v, want %s", l, err, want)
		}
	}
	for _, l := range []mailbox.Limit{
		mailbox.Unbounded, {HighWater: 9}, {Capacity: 2, HighWater: 2, Overflow: mailbox.Block}, mailbox.Bounded(1, mailbox.DropOldest),
	} {
		if err := l.Validate(); err != nil {
			t.Errorf("%+v: %v", l, err)
		}
	}
}
