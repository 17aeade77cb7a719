package etf

import (
	"encoding/json"
	"errors"
	"math/big"
	"reflect"
	"strings"
	"testing"
)

func TestTermsAndTheirJSON(t *testing.T) {
	huge, _ := new(big.Int).SetString("-18446744073709551616", 10)
	for _, c := range []struct {
		what, data string
		want       Term
		json       string
	}{
		{"small integer", "a\x11", int64(17), "17"},
		{"negative integer", "b\xff\xff\xff\xfb", int64(-5), "-5"},
		{"big that fits", "n\x08\x00\x15\x81\xe9\x7d\xf4\x10\x22\x11", int64(1234567890123456789), "1234567890123456789"},
		{"big that does not fit", "n\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01", huge, "-18446744073709551616"},
		{"large big", "o\x00\x00\x00\x02\x00\x00\x01", int64(256), "256"},
		{"float", "F\x3f\xf8\x00\x00\x00\x00\x00\x00", 1.5, "1.5"},
		{"atom of old nodes", "d\x00\x03nil", Atom("nil"), "null"},
		{"atom of new nodes", "w\x04true", Atom("true"), "true"},
		{"atom with an accent, latin 1", "s\x02Z\xeb", Atom("Zë"), `"Zë"`},
		{"atom with an accent, UTF-8", "v\x00\x03Z\xc3\xab", Atom("Zë"), `"Zë"`},
		{"binary", "m\x00\x00\x00\x02a\"", Binary(`a"`), `"a\""`},
		{"empty list", "j", List{}, "[]"},
		{"list", "l\x00\x00\x00\x02a\x01w\x03nilj", List{int64(1), Atom("nil")}, "[1,null]"},
		{"list of bytes", "k\x00\x02\x01\xff", List{int64(1), int64(255)}, "[1,255]"},
		{"tuple", "h\x02w\x04usera\x11", Tuple{Atom("user"), int64(17)}, `["user",17]`},
		{"large tuple", "i\x00\x00\x00\x01a\x01", Tuple{int64(1)}, "[1]"},
		{"map", "t\x00\x00\x00\x02w\x02ida\x11a\x02m\x00\x00\x00\x01b", Map{{Atom("id"), int64(17)}, {int64(2), Binary("b")}}, `{"id":17,"2":"b"}`},
	} {
		got, err := Parse([]byte("\x83" + c.data))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %#v, %v, not %#v", c.what, got, err, c.want)
			continue
		}
		if text, err := JSON(got); err != nil || string(text) != c.json {
			t.Errorf("%s: %s, %v, not %s", c.what, text, err, c.json)
		}
		for n := range len(c.data) {
			if _, err := Parse([]byte("\x83" + c.data[:n])); !errors.Is(err, ErrFormat) {
				t.Errorf("%s, cut off after %d bytes: %v", c.what, n, err)
			}
		}
	}
}

func TestWhatIsNoDataIsRefused(t *testing.T) {
	deep := strings.Repeat("h\x01", MaxDepth+1) + "j"
	for what, data := range map[string]string{
		"nothing":              "",
		"another version":      "\x82a\x01",
		"two terms":            "\x83a\x01a\x02",
		"compressed":           "\x83P\x00\x00\x00\x01x\x9c",
		"an improper list":     "\x83l\x00\x00\x00\x01a\x01a\x02",
		"four billion terms":   "\x83l\xff\xff\xff\xffj",
		"a map of billions":    "\x83t\xff\xff\xff\xffa\x01a\x02",
		"a tuple of billions":  "\x83i\xff\xff\xff\xff",
		"a binary of billions": "\x83m\xff\xff\xff\xff",
		"a big of billions":    "\x83o\xff\xff\xff\xff\x00",
		"no number":            "\x83F\x7f\xf8\x00\x00\x00\x00\x00\x00",
		"infinity":             "\x83F\x7f\xf0\x00\x00\x00\x00\x00\x00",
		"a sign of 2":          "\x83n\x01\x02\x01",
		"an atom with \\xff":   "\x83w\x01\xff",
		"too deep":             "\x83" + deep,
		"a float as text":      "\x83c" + strings.Repeat("0", 31),
		"a pid":                "\x83g",
		"a function":           "\x83q",
	} {
		if got, err := Parse([]byte(data)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %#v, %v", what, got, err)
		}
	}
}

func TestWhatJSONDoesNotHaveIsRefused(t *testing.T) {
	for what, term := range map[string]Term{
		"a binary of bytes":     Binary("\xff"),
		"the same key twice":    Map{{Atom("id"), int64(1)}, {Binary("id"), int64(2)}},
		"a number and its text": Map{{int64(1), int64(1)}, {Binary("1"), int64(2)}},
		"a list as a key":       Map{{List{}, int64(1)}},
		"a key of bytes":        Map{{Binary("\xff"), int64(1)}},
		"something in a list":   List{Binary("\xff")},
		"something in a map":    Map{{Atom("a"), Binary("\xff")}},
	} {
		if text, err := JSON(term); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %s, %v", what, text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"a\x11", "n\x08\x00\x15\x81\xe9\x7d\xf4\x10\x22\x11", "h\x02d\x00\x04usera\x11", "F\x3f\xf8\x00\x00\x00\x00\x00\x00",
		"t\x00\x00\x00\x01m\x00\x00\x00\x02idl\x00\x00\x00\x01a\x01j", "k\x00\x02\x01\xff",
	} {
		f.Add([]byte("\x83" + seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		term, err := Parse(data)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Error(err)
			}
			return
		}
		text, err := JSON(term)
		if err == nil && !json.Valid(text) {
			t.Errorf("%#v is not %s", term, text)
		}
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Error(err)
		}
	})
}
