/** A static server that ends with the test file. */

import { afterAll } from 'vitest';
import { serveFolder } from '../../scripts/lib/static-server.mjs';

const servers: Awaited<ReturnType<typeof serveFolder>>[] = [];
// Here, as vitest hears of no hook that another hook registers.
afterAll(() => {
  for (const server of servers) server.close();
});

/**
 * Serves a folder to this machine until the test file ends.
 *
 * @param headers for every answer
 * @returns the address, without a slash at its end
 */
export async function serve(folder: string, headers: Record<string, string> = {}): Promise<string> {
  const server = await serveFolder(folder, headers);
  servers.push(server);
  return server.address;
}
