package actor

import "fmt"

// Stack returns the stack of the goroutine that runs a handler of the actor now, as the
// traceback of a panic shows it; "" if none does. It is for an actor that should have
// answered: the top lines mostly show what it waits for.
//
// Getting it stops the whole program, for some 5 µs for each goroutine that there is.
// Therefore it fails in a program with more than 5,000 goroutines, and if it was called
// so shortly before that more than one hundredth of the time would be spent with it.
// For an actor without a runner nothing is stopped.
//
// OTP: erlang:process_info/2 with current_stacktrace.
func (p PID) Stack() (string, error) {
	if p.p == nil || p.p.has(returned) || !p.p.typed.isRun() {
		return "", nil
	}
	stack, err := p.p.sys.dumps.ask(p.p)
	if err != nil {
		return "", fmt.Errorf("actor: stack of %s: %w", p.subject(), err)
	}
	return stack, nil
}
