// What is asked for again and again while it is looked at.

const RENEW_MS = 2000;

/**
 * Asks with `ask`, and hands the answer to `show`, or why there is none to `fail`. Only the
 * latest question counts. tick() asks when `every` milliseconds are over, and not while an
 * answer is awaited: one that takes longer than that would never be shown.
 */
export function renewal({ ask, show, fail, every = () => RENEW_MS }) {
  let asked = 0;
  let answered = 0; // the latest question that was
  let last = 0;

  async function refresh() {
    last = Date.now();
    const mine = (asked += 1);
    let answer;
    try {
      answer = await ask();
    } catch (error) {
      if (mine !== asked) return;
      answered = mine;
      if (error.reason !== "lost") fail(error);
      return;
    }
    if (mine !== asked) return;
    answered = mine;
    show(answer);
  }

  return {
    refresh,
    tick() {
      if (answered === asked && Date.now() - last >= every()) refresh();
    },
    /** The answer that is awaited is of no interest any more. */
    drop: () => (answered = asked += 1),
  };
}
