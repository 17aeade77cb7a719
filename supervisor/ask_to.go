package supervisor

import "github.com/troupe-go/troupe/actor"

// AskTo asks the incarnation of a child that lives now, as [actor.AskTo] does. The error that
// answer gets names the child, as that of [Call] does.
//
// OTP: gen_server:send_request/4, handled in handle_info/2.
func AskTo[M, N, R any](c *actor.Context[M], to Ref[N], newRequest func(actor.Reply[R]) N, answer func(R, error) M) *actor.Pending[R] {
	if answer == nil {
		panic("supervisor: AskTo: answer is nil")
	}
	return actor.AskTo(c, to.Now(), newRequest, func(v R, err error) M { return answer(v, to.named(err)) })
}
