// A SourceBuffer whose operations wait for each other.

export class Sink {
  #last = Promise.resolve();

  constructor(buffer, element) {
    this.buffer = buffer;
    this.element = element;
  }

  /** Runs an operation when those before it have ended, and waits for its own end. */
  #enqueue(operation) {
    const run = async () => {
      const ended = new Promise((resolve, reject) => {
        this.buffer.onupdateend = resolve;
        this.buffer.onerror = () => reject(new Error("the browser refuses the media"));
      });
      operation();
      if (this.buffer.updating) await ended;
    };
    const result = this.#last.then(run);
    // Whoever asked for an operation hears of its failure; the next one is tried regardless.
    this.#last = result.catch(() => {});
    return result;
  }

  /** Appends whole boxes, moved by `offset` seconds; makes room and tries again when there is none. */
  async append(bytes, offset) {
    const operation = () => {
      if (this.buffer.timestampOffset !== offset) this.buffer.timestampOffset = offset;
      this.buffer.appendBuffer(bytes);
    };
    try {
      await this.#enqueue(operation);
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error;
      await this.trim(1);
      await this.#enqueue(operation);
    }
  }

  /** Removes what was played longer than `keep` seconds ago. */
  async trim(keep) {
    const end = this.element.currentTime - keep;
    const { buffered } = this.buffer;
    if (buffered.length === 0 || buffered.start(0) >= end) return;
    await this.#enqueue(() => this.buffer.remove(0, end));
  }
}
