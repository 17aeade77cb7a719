package long

import "testing"

func TestRoundsGoByTheEnvironment(t *testing.T) {
	for value, want := range map[string]int{"": 3, "0": 3, "false": 3, "1": 1000, "true": 1000} {
		t.Setenv("TROUPE_LONG", value)
		if n := Rounds(3, 1000); n != want {
			t.Errorf("TROUPE_LONG=%s: %d rounds, want %d", value, n, want)
		}
	}
}

func TestAnotherValueIsAMistake(t *testing.T) {
	t.Setenv("TROUPE_LONG", "very")
	defer func() {
		if recover() == nil {
			t.Error("TROUPE_LONG=very has been taken")
		}
	}()
	Rounds(3, 1000)
}
