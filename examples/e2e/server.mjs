// Starts, stops and restarts one of the Go example servers for a test.

import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";

import { PATIENCE_MS } from "./patience.mjs";

const HOST = "127.0.0.1";

/** The path in an environment variable, or an error that says which one is not set. */
export function binaryFrom(variable) {
  const path = process.env[variable];
  if (!path) throw new Error(`${variable} is not set: it names the server program to test`);
  return path;
}

/** A server that listens on the port, or null if it is taken. */
async function listener(port) {
  const server = net.createServer().listen(port, HOST);
  try {
    await once(server, "listening");
  } catch (error) {
    if (error.code !== "EADDRINUSE") throw error; // no other port would be better
    return null;
  }
  return server;
}

/**
 * So many ports on which nothing listens. Those that the system gives connections and other servers
 * are above 32767, so nobody has taken one when a program listens on it, perhaps once more. Browsers
 * refuse 10080.
 */
async function freePorts(n) {
  const listeners = [];
  while (listeners.length < n) {
    const free = await listener(11_000 + Math.floor(19_000 * Math.random()));
    if (free) listeners.push(free);
  }
  const ports = listeners.map((listener) => listener.address().port);
  await Promise.all(listeners.map((listener) => once(listener.close(), "close")));
  return ports;
}

function accepts(port) {
  return new Promise((resolve) => {
    const probe = net.connect(port, HOST);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Server {
  #binary;
  #args;
  #flag; // that tells the program where to listen
  #child = null;
  #exited = null; // promise of { code, signal }
  #printed = () => {};
  output = "";

  /** Fails when the program ends and nobody asked for it. */
  died = new Promise(() => {});

  /** Runs a test; when the server dies, that fails with the server's output and at once. */
  async during(test) {
    await Promise.race([this.died, Promise.resolve()]); // dead since an earlier test?
    return Promise.race([this.died, test()]);
  }

  constructor(binary, port, args = [], flag = "-addr") {
    this.#binary = binary;
    this.#args = args;
    this.#flag = flag;
    this.port = port;
    this.host = `${HOST}:${port}`;
    this.http = `http://${this.host}`;
    this.ws = `ws://${this.host}`;
  }

  /** Starts a server program on a free port; it accepts connections when this returns. */
  static async start(binary, args, flag) {
    const [port] = await freePorts(1);
    const server = new Server(binary, port, args, flag);
    await server.up();
    return server;
  }

  /** Starts two servers, each of which has the other one's address as -peers. */
  static async pair(binary, args = []) {
    const ports = await freePorts(2);
    const pair = ports.map((port, n) => new Server(binary, port, ["-peers", `${HOST}:${ports[1 - n]}`, ...args]));
    await Promise.all(pair.map((server) => server.up()));
    return pair;
  }

  /** Starts the program again after stop(), on the same port. */
  async up() {
    // The room takes no arguments, and with the tag e2e has its address from the environment.
    const child = spawn(this.#binary, [this.#flag, this.host, ...this.#args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ROOM_ADDR: this.host },
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => {
        // Enough to see the reason of a failure, not a whole load test.
        this.output = (this.output + text).slice(-200_000);
        this.#printed();
      });
    }
    this.#exited = new Promise((resolve) => {
      child.once("error", (error) => resolve({ code: null, signal: null, error }));
      child.once("close", (code, signal) => resolve({ code, signal }));
    });
    let gone = null;
    this.died = this.#exited.then((how) => {
      gone = how;
      if (this.#child !== child) return new Promise(() => {}); // stop() wanted it
      throw new Error(`the server ended in the middle of the test: ${describe(how)}\n${this.output}`);
    });
    this.died.catch(() => {}); // nobody needs to be listening
    process.once("exit", this.#killNow);

    const limit = Date.now() + PATIENCE_MS;
    while (!(await accepts(this.port))) {
      if (gone) throw new Error(`the server ended before it listened: ${describe(gone)}\n${this.output}`);
      if (Date.now() > limit) {
        this.#killNow();
        throw new Error(`the server does not listen after ${PATIENCE_MS} ms\n${this.output}`);
      }
      await pause(20);
    }
  }

  /** Sends SIGTERM and waits for the end. It is an error if that is not clean. */
  async stop() {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    const how = await this.#exited;
    clearTimeout(timer);
    process.removeListener("exit", this.#killNow);
    if (this.output.includes("WARNING: DATA RACE")) {
      throw new Error(`the race detector found something in the server:\n${this.output}`);
    }
    if (how.code !== 0) {
      throw new Error(`the server did not stop cleanly on SIGTERM: ${describe(how)}\n${this.output}`);
    }
  }

  /** Ends the program by SIGKILL. */
  async kill() {
    const child = this.#child;
    this.#child = null;
    child.kill("SIGKILL");
    await this.#exited;
    process.removeListener("exit", this.#killNow);
  }

  /** Waits until the program has printed a text. */
  async logs(text) {
    while (!this.output.includes(text)) await Promise.race([this.died, new Promise((printed) => (this.#printed = printed))]);
  }

  /** Sends all clients away, and lets none in until it is started again. */
  async drain() {
    const answer = await fetch(`${this.http}/drain`, { method: "POST" });
    if (!answer.ok) throw new Error(`the server does not drain: ${await answer.text()}`);
  }

  async restart() {
    await this.stop();
    await this.up();
  }

  #killNow = () => this.#child?.kill("SIGKILL");
}

function describe({ code, signal, error }) {
  if (error) return String(error);
  return signal ? `killed by ${signal}` : `exit status ${code}`;
}
