package query

import (
	"context"
	"encoding/json"
	"slices"
)

// question is one kind of question, by its name: how clients that send JSON ask it.
type question func(s *Source, ctx context.Context, params json.RawMessage) (any, error)

// asked makes a question of a method whose request is a Q.
func asked[Q, A any](answer func(*Source, context.Context, Q) (A, error)) question {
	return func(s *Source, ctx context.Context, params json.RawMessage) (any, error) {
		var q Q
		if len(params) > 0 {
			if err := json.Unmarshal(params, &q); err != nil {
				return nil, Errorf(Invalid, "the request cannot be read: %v", err)
			}
		}
		return answer(s, ctx, q)
	}
}

// questions are all that can be asked, also by other nodes: nothing here may change anything.
var questions = map[string]question{
	"tree":     asked((*Source).Tree),
	"top":      asked((*Source).Top),
	"actor":    asked((*Source).Actor),
	"crashes":  asked((*Source).Crashes),
	"timeline": asked((*Source).Timeline),
	"sockets":  asked((*Source).Sockets),
	"socket":   asked((*Source).Socket),
	"topics":   asked((*Source).Topics),
	"topic":    asked((*Source).Topic),
	"table":    asked((*Source).Table),
	"node":     asked((*Source).About),
}

// Names returns the names of the questions that [Source.Ask] answers, in their order.
func Names() []string {
	names := make([]string, 0, len(questions))
	for name := range questions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Ask answers the question of the given name, such as "tree", whose request is in JSON. The
// answer is what the method of that name returns. An error is an [*Error].
func (s *Source) Ask(ctx context.Context, name string, params json.RawMessage) (any, error) {
	q, ok := questions[name]
	if !ok {
		return nil, Errorf(Invalid, "there is no question %.40q", name)
	}
	answer, err := q(s, ctx, params)
	if err != nil {
		return nil, AsError(err)
	}
	return answer, nil
}
