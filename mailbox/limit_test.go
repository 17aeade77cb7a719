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
