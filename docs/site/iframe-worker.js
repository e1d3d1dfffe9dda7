// The search runs in a worker, which browsers don't start for a page that is opened from a disk: there a hidden frame
// does the work. Zensical leaves out its own stand-in, which it would fetch, where one of this name is there.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.frame = frame.contentWindow;
      this.frame.postMessage = (data) => {
        const event = new MessageEvent("message", { data });
        this.dispatchEvent(event);
        if (this.onmessage) this.onmessage(event);
      };
      this.frame.importScripts = async (...urls) => {
        for (const one of urls) await this.load(one);
      };
      this.ready = this.load(url);
    }

    load(url) {
      return new Promise((done, failed) => {
        const script = this.frame.document.createElement("script");
        script.src = new URL(url, document.baseURI);
        script.onload = done;
        script.onerror = failed;
        this.frame.document.body.append(script);
      });
    }

    async postMessage(data) {
      await this.ready;
      this.frame.dispatchEvent(new this.frame.MessageEvent("message", { data: structuredClone(data) }));
    }

    terminate() {
      this.frame.frameElement.remove();
    }
  };
}
