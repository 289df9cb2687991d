/** Puts the page together. */

import './styles.css';
import './sections.css';
import { loadManifest } from './data.js';
import { byId, describeError, formatCount } from './dom.js';
import { LearnSection } from './learn-section.js';
import { NeighboursSection } from './neighbours-section.js';
import { keepOffline } from './offline.js';
import { OwnSection } from './own-section.js';
import { startWorkers } from './workers.js';

const alertBox = byId('alert', HTMLElement);
const alertText = byId('alert-text', HTMLElement);

/** Shows what went wrong, and takes it away for the empty text. */
function alert(text: string): void {
  alertText.textContent = text;
  alertBox.hidden = text === '';
}

async function open(): Promise<void> {
  byId('alert-close', HTMLButtonElement).addEventListener('click', () => alert(''));
  const [{ searcher, learner }, manifest] = await Promise.all([startWorkers(), loadManifest()]);
  for (const [id, text] of [
    ['rows', formatCount(manifest.rows)],
    ['judged', formatCount(manifest.judgedQueries)],
    ['megabytes', (manifest.bytes / 1e6).toFixed(1)],
    ['version', manifest.version],
    ['taught', formatCount(manifest.head.rows)],
    ['hidden', manifest.head.hidden.join(', ')],
  ] as const) {
    byId(id, HTMLElement).textContent = text;
  }
  const neighbours = await NeighboursSection.open(searcher, manifest, alert);
  new LearnSection(learner, manifest, neighbours, alert);
  new OwnSection(learner, neighbours, alert);
  for (const fieldset of document.querySelectorAll('fieldset')) fieldset.disabled = false;
  document.body.dataset['ready'] = 'true';
  await keepOffline();
}

open().catch((error) => alert(`The page could not start: ${describeError(error)}`));
