// Reads the frame numbers that Fixtures/Media/make.sh burns into its pictures off the screen. The loop
// begins at whole multiples of its length since 1970, so that a number tells when its frame was taken.
(milliseconds) => new Promise((resolve) => {
  const framesPerSecond = 25;
  const loop = 16;
  const video = document.getElementById("video");
  const context = new OffscreenCanvas(14, 1).getContext("2d", { willReadFrequently: true });
  const latencies = [];
  const differences = [];
  let unread = 0;
  const end = performance.now() + milliseconds;

  function number() {
    const square = Math.floor(video.videoWidth / 20);
    context.drawImage(video, 0, square / 4, square * 14, square / 2, 0, 0, 14, 1);
    const { data } = context.getImageData(0, 0, 14, 1);
    const levels = Array.from({ length: 14 }, (_, index) => data[4 * index + 1]);
    if (levels[0] < 160 || levels[1] > 90) return null;
    return levels.slice(2).reduce((sum, level, bit) => sum + (level > 128 ? 1 << bit : 0), 0);
  }

  function look(_, { mediaTime, expectedDisplayTime }) {
    const found = number();
    if (found === null) {
      unread += 1;
    } else {
      const shown = (Date.now() - performance.now() + expectedDisplayTime) / 1000;
      const latency = ((shown - found / framesPerSecond) % loop + loop) % loop;
      latencies.push(latency);
      const told = window.moqEgressPreview.figures.latencyOf(mediaTime, expectedDisplayTime);
      if (told !== null) differences.push(told - latency);
    }
    if (performance.now() < end) video.requestVideoFrameCallback(look);
    else resolve({ latencies, differences, unread });
  }
  video.requestVideoFrameCallback(look);
  setTimeout(() => resolve({ latencies, differences, unread }), milliseconds + 3000);
})
