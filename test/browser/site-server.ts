/** What `npm run site` serves, asked for as no browser would. */

import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { get } from 'node:http';

/** The address that the program tells once it serves. */
export function addressOf(child: ChildProcessWithoutNullStreams): Promise<string> {
  let said = '';
  return new Promise((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text) => {
      said += text;
      const found = /http:\S+\//.exec(said);
      if (found) resolve(found[0]);
    });
    child.once('close', () => reject(new Error(`it ended, and had said:\n${said}`)));
  });
}

/** Status and type for a path that is sent as it is: `fetch` would leave out what leads upwards. */
export function answerOf(address: string, path: string): Promise<string> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve, reject) => {
    get({ hostname, port, path: `/${path}` }, (answer) => {
      answer.resume();
      const type = answer.headers['content-type']?.split(';')[0] ?? '';
      resolve(`${answer.statusCode} ${type}`);
    }).on('error', reject);
  });
}

/** Ends what is left of a child and its own children; it was started `detached`. */
export function endGroup(child: ChildProcessWithoutNullStreams): void {
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // Nothing is left.
  }
}
