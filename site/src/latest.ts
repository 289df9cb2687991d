/** One job at a time; of those that come meanwhile only the newest is kept. So there is never a queue. */
export class Latest {
  #isRunning = false;
  #next: (() => Promise<void>) | undefined;

  run(job: () => Promise<void>): void {
    this.#next = job;
    if (!this.#isRunning) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isRunning = true;
    try {
      for (let job = this.#take(); job; job = this.#take()) await job();
    } finally {
      this.#isRunning = false;
    }
  }

  #take(): (() => Promise<void>) | undefined {
    const job = this.#next;
    this.#next = undefined;
    return job;
  }
}
