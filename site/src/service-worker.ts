/**
 * Keeps every file that the page uses, so that it works without a network once it was loaded. The build puts the
 * list of files and a hash of their contents into it: a new build is a new script, and so a new cache.
 */

interface ExtendableEvent extends Event {
  waitUntil(promise: Promise<unknown>): void;
}

interface FetchEvent extends ExtendableEvent {
  request: Request;
  respondWith(response: Promise<Response>): void;
}

/** What a service worker has: TypeScript knows either the types of pages or those of workers. */
interface Scope {
  registration: { scope: string };
  clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: ExtendableEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
}

const scope = globalThis as unknown as Scope;
const { version, files } = JSON.parse('__FILES__') as { version: string; files: string[] };
const home = scope.registration.scope;
/** Other pages of the same origin may have caches, too. */
const family = `h2q ${home} `;
const current = family + version;

scope.addEventListener('install', (event) => {
  event.waitUntil(keepAll());
});

scope.addEventListener('activate', (event) => {
  event.waitUntil(removeOlder().then(() => scope.clients.claim()));
});

scope.addEventListener('fetch', (event) => {
  if (event.request.method === 'GET') event.respondWith(answer(event.request));
});

async function keepAll(): Promise<void> {
  const cache = await caches.open(current);
  // What the page has just loaded comes out of the browser's own cache, where the server allows that.
  await cache.addAll(files.map((file) => new URL(file, home).href));
  await scope.skipWaiting();
}

async function removeOlder(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(
    names.filter((each) => each.startsWith(family) && each !== current).map((each) => caches.delete(each)),
  );
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(current);
  const wanted = request.mode === 'navigate' ? new URL('index.html', home).href : request;
  return (await cache.match(wanted, { ignoreSearch: true })) ?? fetch(request);
}
