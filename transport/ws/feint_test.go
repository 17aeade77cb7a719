package ws

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// feint is what a client of a model sends at a join in place of what it has, as JSON: with none of
// it may it get anything of another channel, nor something that it does not hear of being lost.
type feint struct {
	since, token, got string // "": what it has
}

// feigns returns what a client sends now and then that makes something up, has something of
// somebody else's, or sends what it had long ago.
func (c *storeClient) feigns(rnd *rand.Rand) (f feint) {
	if rnd.IntN(6) == 0 {
		f.token = pick(rnd, c.falseTokens(rnd))
	}
	if rnd.IntN(6) == 0 {
		f.since = pick(rnd, c.falsePositions(rnd))
	}
	if c.counts && rnd.IntN(12) == 0 {
		f.got = pick(rnd, []string{`"~0000000000000000:3"`, `"~:"`, `"~"`, `7`, `{}`, `"@x:1"`,
			strings.TrimRight(c.got, `0123456789"`) + `18446744073709551615"`})
		if c.got == "null" {
			f.got = `""`
		}
	}
	return f
}

// falseTokens are such with which the client does not get a channel.
func (c *storeClient) falseTokens(rnd *rand.Rand) []string {
	all := []string{`""`, `"x"`, `7`, `{}`, `null`, strconv.Quote(strings.Repeat("x", 10_000)), strconv.Quote(strings.Repeat("A", 75))}
	for _, other := range c.clients { // stolen: they are another identity's
		if other != c && other.token != "" {
			all = append(all, strconv.Quote(other.token))
		}
	}
	if token := c.formerly[c.id]; token != "" { // another topic's
		all = append(all, strconv.Quote(token))
	}
	if n := len(c.tokens); n > 2 { // spent: it has come back with the one behind it, and has shown so by the next
		all = append(all, strconv.Quote(c.tokens[rnd.IntN(n-2)]))
	}
	if c.token != "" {
		changed := []byte(c.token)
		i := rnd.IntN(len(changed))
		changed[i] = map[bool]byte{true: 'A', false: 'B'}[changed[i] != 'A']
		all = append(all, strconv.Quote(string(changed)), strconv.Quote(c.token+"\n"), strconv.Quote(c.token[1:]))
	}
	return all
}

// falsePositions are such of which no log knows what is behind them.
func (c *storeClient) falsePositions(rnd *rand.Rand) []string {
	epoch := c.epoch
	return []string{
		`7`, `{}`, `[]`, `"6"`, `"@"`, `"@:"`, `"@x:6"`, `"\u0000"`, strconv.Quote("@" + strings.Repeat("x", 10_000) + ":6"), // foreign
		fmt.Sprintf(`"@%s:06"`, epoch), fmt.Sprintf(`"@%s:-1"`, epoch), fmt.Sprintf(`"@%s"`, epoch), fmt.Sprintf(`"%s:6"`, epoch),
		fmt.Sprintf(`"@%sx:%d"`, epoch, c.last.Offset), fmt.Sprintf(`"@%s:%d"`, epoch[1:], c.last.Offset),
		fmt.Sprintf(`"@%s:%d"`, epoch, c.last.Offset+1<<40), // ahead of the log
		fmt.Sprintf(`"@%s:9223372036854775807"`, epoch), fmt.Sprintf(`"@%s:18446744073709551615"`, epoch),
		fmt.Sprintf(`"@%s:18446744073709551616"`, epoch),
	}
}

func pick(rnd *rand.Rand, from []string) string { return from[rnd.IntN(len(from))] }
