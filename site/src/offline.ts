/** Has the service worker keep the page. */

import { byId } from './dom.js';

export async function keepOffline(): Promise<void> {
  const status = byId('offline', HTMLElement);
  // Without HTTPS there are none but on the own machine; under `vite dev` there is nothing to keep.
  if (!('serviceWorker' in navigator) || import.meta.env.DEV) {
    status.textContent = 'This page needs a connection to load here.';
    return;
  }
  try {
    await navigator.serviceWorker.register(new URL('service-worker.js', document.baseURI));
    await navigator.serviceWorker.ready;
    status.textContent = 'Kept on this device: the page works offline from now on.';
    status.dataset['ready'] = 'true';
  } catch {
    status.textContent = 'The page could not be kept for use offline.';
  }
}
