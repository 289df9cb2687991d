/** The worker of a page, as docs/browser.md has users write it. */

import 'h2q/worker';
