// A peer is a process that loads data once and then answers line by line with one line of JSON:
//
//   hello                                    {"version"}, when all programs are in memory but no data
//   load                                     {"settings"}
//   search START COUNT THREADS MODE HITS     {"seconds"}, after `hits` also {"rows", "distances"[, "work"]}
//
// START and COUNT choose among its queries, MODE is `batch` (one call) or `single` (one call each), HITS is
// `hits` or `none`. `seconds` is of all the calls together and of nothing else.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** @typedef {{ seconds: number, rows?: number[][], distances?: number[][], work?: object }} Searched */

export class Peer {
  #child;
  #said = '';
  /** @type {{ resolve: (line: string) => void, reject: (error: Error) => void } | undefined} */
  #waiting;
  /** @type {Error | undefined} */
  #ended;

  /**
   * @param {string} command
   * @param {string[]} args
   */
  constructor(command, args) {
    this.#child = spawn(command, args);
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#said += text;
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#waiting?.resolve(line));
    // What is written to a process that has ended is answered by its end.
    this.#child.stdin.on('error', () => {});
    const end = (/** @type {string} */ how) => {
      this.#ended = new Error(`${[command, ...args].join(' ')} ${how}\n${this.#said}`);
      this.#waiting?.reject(this.#ended);
    };
    this.#child.on('error', (error) => end(error.message));
    this.#child.on('close', (code, signal) => end(`ended with ${signal ?? code}`));
  }

  /**
   * One question at a time.
   *
   * @param {string} line
   * @returns {Promise<any>}
   */
  async ask(line) {
    if (this.#ended) throw this.#ended;
    /** @type {Promise<string>} */
    const answer = new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    this.#child.stdin.write(`${line}\n`);
    return JSON.parse(await answer);
  }

  /** Memory that the process occupies; null where the system does not say. */
  residentBytes() {
    const { pid } = this.#child;
    const file = `/proc/${pid}/status`;
    const kibibytes = existsSync(file)
      ? /VmRSS:\s+(\d+)/.exec(readFileSync(file, 'utf8'))?.[1]
      : spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).stdout;
    return Number(kibibytes ?? 0) * 1024 || null;
  }

  /** Ends the process, which has nothing to lose. */
  stop() {
    this.#child.kill();
  }
}
