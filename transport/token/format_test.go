package token_test

import (
	"testing"

	"github.com/troupe-go/troupe/transport/token"
)

// These were made by the first version of the format, for ann, and expire in 2173. They are
// to be taken by all later ones.
const (
	firstSigned = "t1s.AAABohltS68AAAXT11V5KnsiaWQiOjE3LCJlbWFpbCI6ImFubkBleGFtcGxlLmNvbSJ9c_s8MqUaTQ1V11wt9S_QEHr_8f7INk7AGp8qWYSafwM"
	firstSealed = "t1e.1Wbha2Hx-3A6p8wy0ErW4PX_uFR_-uG-Es-qOUoqkVjwn136OBd-OVU62WtlbVaMM2DqCdEzn2-zfq-6gO4Lfy1RDqG_4el_-9y2o9J1oePuXLF6J0Jc8GopsBWeVs0"
)

func TestTokensOfTheFirstVersionAreTaken(t *testing.T) {
	for name, s := range map[string]string{"signed": firstSigned, "sealed": firstSealed} {
		if got, err := kinds[name].read(keys, purpose, s); err != nil || got != ann {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if v, err := token.Verify[User](keys, purpose, firstSigned); err != nil || v.Expires.UTC().Year() != 2173 {
		t.Error(v, err)
	}
}
