// How long tests wait for what is to come. That is far longer than anything here takes, also on a
// machine that has much else to do: one that waits to the end of it waits for what never comes.

export const PATIENCE_MS = 60_000;

/** That of a whole test, of several steps. */
export const LIMIT = { timeout: 2 * PATIENCE_MS };
