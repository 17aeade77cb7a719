// Starts the browser for a test of a page.

import { chromium } from "playwright-core";

const executablePath = process.env.TROUPE_CHROMIUM || "/usr/bin/chromium";

/** Starts Chromium, with a fresh profile of its own. */
export function launch(...args) {
  return chromium.launch({ executablePath, args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", ...args] });
}

/** Starts Chromium for tabs with a server's pages: those of one context share a process, to be quick. */
export function launchForTabs() {
  return launch(
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--process-per-site",
  );
}

/**
 * A context for tabs with pages of a server. It has an empty page of the server's as long as it
 * lasts, because a process ends with its last tab, and starting one for the tab of the next test
 * takes more processor time than all else about the tab.
 */
export async function contextFor(browser, server) {
  const context = await browser.newContext();
  const stays = await context.newPage();
  await stays.route("**/*", (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html>" }));
  await stays.goto(server.http);
  return context;
}
