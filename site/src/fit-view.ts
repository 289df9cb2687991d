/** A fit as it is seen: curve of the loss, histogram of the coordinates, and what is to be said of them. */

import type { Client, Model, Vectors } from 'h2q/client';
import { Histogram, LineChart, spreadOf } from './charts.js';
import { describeError, element, formatCount } from './dom.js';
import { type Losses, learn } from './learn.js';

export interface FitRequest {
  bits: number;
  solver: 'auto' | 'sgd';
  epochs: number;
  /** Of two stages: the rotation is that of its values. */
  head?: Model | undefined;
}

/** Rows whose coordinates are counted, so that it takes no time on the page. */
const COUNTED = 1000;

export class FitView {
  readonly #status: HTMLElement;
  readonly #abort: HTMLButtonElement;
  readonly #epoch = element('p', 'numbers');
  readonly #spread = element('p', 'numbers');
  readonly #losses: LineChart;
  readonly #histogram: Histogram;
  #running: AbortController | undefined;
  #frame = 0;

  /** `host` gets the charts, `status` (a live region) what happens. */
  constructor(host: HTMLElement, status: HTMLElement, abort: HTMLButtonElement) {
    this.#status = status;
    this.#abort = abort;
    abort.addEventListener('click', () =>
      this.#running?.abort(new DOMException('stopped by you', 'AbortError')),
    );

    const [losses, histogram] = [element('div', 'chart'), element('div', 'chart')];
    host.append(
      figure('Loss by epoch', losses, this.#epoch, [
        ['key train', 'fitted rows'],
        ['key validation', 'held-out rows'],
      ]),
      figure('Where the coordinates lie', histogram, this.#spread, [
        ['key now', 'now'],
        ['key before', 'before any rotation'],
        ['key target', '±1'],
      ]),
    );
    this.#losses = new LineChart(losses);
    this.#histogram = new Histogram(histogram);
    this.clear();
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  clear(): void {
    this.#losses.draw([], 'epoch');
    this.#histogram.draw(new Float64Array(), undefined);
    this.#epoch.textContent = 'No epoch yet.';
    this.#spread.textContent = ' ';
  }

  say(text: string): void {
    this.#status.textContent = text;
  }

  /** Fits and shows; null when it was stopped or failed, which is said. */
  async run(client: Client, rows: Vectors, request: FitRequest): Promise<Model | null> {
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    this.#abort.disabled = false;
    this.clear();
    const { bits } = request;
    this.say(`Learning a rotation of ${bits} coordinates from ${formatCount(rows.rows)} rows …`);

    const history: Losses[] = [];
    let model: Model | null = null;
    let before: Float64Array | undefined;
    let distances: number[] = [];
    const onEpoch = (report: Losses) => {
      if (running.signal.aborted) return;
      history.push(report);
      // Several epochs may come within one frame.
      cancelAnimationFrame(this.#frame);
      this.#frame = requestAnimationFrame(() => this.#drawLosses(history));
    };
    try {
      for await (const stage of learn(client, rows, { ...request, signal: running.signal, onEpoch })) {
        model?.release();
        model = stage.model;
        const spread = spreadOf(stage.coordinates.subarray(0, COUNTED * model.bits), model.bits);
        before ??= spread.shares;
        distances = [distances[0] ?? spread.distance, spread.distance];
        this.#histogram.draw(spread.shares, before);
        this.#spread.textContent = `Mean distance to ±1: ${distances.map((each) => each.toFixed(3)).join(' → ')}`;
      }
      const last = history.at(-1);
      this.say(
        `Learnt in ${last?.epoch} epochs: held-out loss ${history[0]?.validationLoss.toFixed(4)} → ${last?.validationLoss.toFixed(4)}, mean distance to ±1 ${distances.map((each) => each.toFixed(3)).join(' → ')}.`,
      );
      return model;
    } catch (error) {
      model?.release();
      if (!running.signal.aborted) throw error;
      if (this.#running === running)
        this.say(`Stopped after ${history.at(-1)?.epoch ?? 0} epochs: ${describeError(error)}.`);
      return null;
    } finally {
      if (this.#running === running) {
        this.#running = undefined;
        this.#abort.disabled = true;
      }
    }
  }

  #drawLosses(history: Losses[]): void {
    const line = (className: string, loss: 'trainLoss' | 'validationLoss') => ({
      className,
      points: history.map((report) => [report.epoch, report[loss]] as const),
    });
    this.#losses.draw([line('train', 'trainLoss'), line('validation', 'validationLoss')], 'epoch');
    const last = history.at(-1);
    this.#epoch.textContent = `Epoch ${last?.epoch}: fitted ${last?.trainLoss.toFixed(4)}, held out ${last?.validationLoss.toFixed(4)}`;
  }
}

function figure(
  title: string,
  chart: HTMLElement,
  numbers: HTMLElement,
  keys: [className: string, text: string][],
) {
  const legend = element('p', 'legend', ...keys.map(([className, text]) => element('span', className, text)));
  return element('figure', '', element('figcaption', '', title), chart, legend, numbers);
}
