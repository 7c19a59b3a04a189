// The page's modules by themselves: what they read, what they decide, and that every check can fail.
// Resolves to a list of what is wrong.
async () => {
  const folder = new URL(".", document.querySelector("script").src);
  const load = (name) => import(new URL(name, folder).href);
  const [playlists, { Checks, outcome }, { LiveEdge, Pace, Throughput }, tracks] = await Promise.all(
    ["playlist.js", "checks.js", "live.js", "track.js"].map(load));
  const { parseMedia, parseMultivariant, nextPosition, edgeTime, DeltaError } = playlists;
  const wrong = [];

  function same(what, found, wanted) {
    const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
    if (left !== right) wrong.push(`${what}: ${left} and not ${right}`);
  }

  const url = "http://origin/live/v/media.m3u8";
  const head = (first = 100) => ["#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-TARGETDURATION:2",
    "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.750,HOLD-BACK=6.0,CAN-SKIP-UNTIL=12.0",
    "#EXT-X-PART-INF:PART-TARGET=0.500", `#EXT-X-MEDIA-SEQUENCE:${first}`,
    "#EXT-X-DISCONTINUITY-SEQUENCE:7"];
  const date = (second) => `#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:0${second}.000Z`;
  const part = (time, more = "") => `#EXT-X-PART:DURATION=0.50000,URI="e/part/${time}.m4s"${more}`;
  const tail = (hint) => [`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="e/part/${hint}.m4s"`,
    '#EXT-X-RENDITION-REPORT:URI="../a/media.m3u8",LAST-MSN=102,LAST-PART=0'];
  const middle = [date(0), "#EXTINF:2.00000,", "e/segment/0.m4s", date(2),
    part("2.0", ",INDEPENDENT=YES"), part("2.5"), part("3.0"), part("3.5"), "#EXTINF:2.00000,",
    "e/segment/2.m4s", date(4), part("4.0", ",INDEPENDENT=YES")];
  const map = '#EXT-X-MAP:URI="i.mp4"';
  const first = [...head(), map, ...middle, ...tail("4.5")].join("\n");
  const second = [...head(), map, ...middle, part("4.5"), ...tail("5.0")].join("\n");

  // Reading.

  const read = parseMedia(first, url);
  same("segments", read.segments.map(({ number, duration, url: end, parts, discontinuity, pdt }) =>
    [number, duration, end?.slice(18) ?? null, parts.length, discontinuity, pdt % 10_000]), [
    [100, 2, "/v/e/segment/0.m4s", 0, 7, 0], [101, 2, "/v/e/segment/2.m4s", 4, 7, 2000],
    [102, 0.5, null, 1, 7, 4000]]);
  same("numbers", [read.targetDuration, read.partTarget, read.partHoldBack, read.holdBack,
    read.canSkipUntil, read.canBlockReload, read.hint], [2, 0.5, 1.75, 6, 12, true,
    "http://origin/live/v/e/part/4.5.m4s"]);
  same("the next position", nextPosition(read), { number: 102, part: 1 });
  same("the edge", edgeTime(read), Date.parse("2026-01-01T00:00:04.500Z"));
  const whole = parseMedia(
    [...head(), map, ...middle.slice(0, -2), "#EXT-X-ENDLIST"].join("\n"), url);
  same("an end", [whole.hasEnded, nextPosition(whole)], [true, { number: 102, part: 0 }]);

  const delta = [...head(), "#EXT-X-SKIP:SKIPPED-SEGMENTS=1", ...middle.slice(3), part("4.5"),
    ...tail("5.0")].join("\n");
  const merged = parseMedia(delta, url, read);
  same("a delta", merged.segments.map(({ number, map: header, discontinuity, parts }) =>
    [number, header, discontinuity, parts.length]), parseMedia(second, url).segments.map(
    ({ number, map: header, discontinuity, parts }) => [number, header, discontinuity, parts.length]));
  let refusal = null;
  try {
    parseMedia(delta, url, null);
  } catch (error) {
    refusal = error instanceof DeltaError;
  }
  same("a delta to what is not known", refusal, true);

  const broken = parseMedia([...head(), map, date(0), "#EXT-X-GAP", "#EXTINF:2.00000,",
    "e/segment/0.m4s", "#EXT-X-DISCONTINUITY", '#EXT-X-MAP:URI="j.mp4"', date(2),
    part("2.0", ",GAP=YES"), part("2.5")].join("\n"), url);
  same("gaps and a discontinuity", tracks.listedItems(broken).map(
    ({ number, part: index, isGap, discontinuity, map: header, isIndependent }) =>
      [number, index, isGap, discontinuity, header.slice(-5), isIndependent]), [
    [100, 0, true, 7, "i.mp4", true], [101, 0, true, 8, "j.mp4", true],
    [101, 1, false, 8, "j.mp4", false]]);
  same("where to join", [1, 1.75, 4.4, 9].map((holdBack) => {
    const { number, part: index } = tracks.joinPosition(read, holdBack);
    return [number, index];
  }), [[101, 0], [101, 0], [100, 0], [100, 0]]);

  const { variants, audio } = parseMultivariant(["#EXTM3U",
    '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Ton, deutsch",DEFAULT=YES,URI="t%20n/media.m3u8"',
    '#EXT-X-STREAM-INF:BANDWIDTH=300000,CODECS="avc1.4d400d,mp4a.40.2",RESOLUTION=426x240,AUDIO="a"',
    "low/media.m3u8",
    '#EXT-X-STREAM-INF:BANDWIDTH=980000,CODECS="mp4a.40.2,avc1.4d401f",RESOLUTION=1280x720,'
      + 'FRAME-RATE=29.970,AUDIO="a"', "h%2Fi/media.m3u8"].join("\n"),
  "http://origin/live/index.m3u8");
  same("variants", variants.map(({ name, bandwidth, videoCodecs, audioCodecs, height }) =>
    [name, bandwidth, videoCodecs, audioCodecs, height]), [
    ["h/i", 980_000, "avc1.4d401f", "mp4a.40.2", 720],
    ["low", 300_000, "avc1.4d400d", "mp4a.40.2", 240]]);
  same("sounds", [audio[0].name, audio[0].url, audio[0].isDefault],
    ["Ton, deutsch", "http://origin/live/t%20n/media.m3u8", true]);

  // Deciding.

  const edge = new LiveEdge();
  same("no edge", edge.at(1), null);
  // The second part comes late: the first tells where the edge is, until it is too long ago.
  edge.note(10, 100);
  edge.note(10.5, 100.75);
  same("the edge goes on", [edge.at(101), edge.at(102)], [11, 12]);
  edge.note(18, 108.5);
  same("the edge is found anew", edge.at(109), 18.75);
  const pace = new Pace();
  same("paces", [[0.03, 2], [0.06, 2], [0.02, 2], [0.005, 2], [-1, 2], [1, 2], [1, 0.1]].map(
    ([behind, ahead]) => pace.rate(behind, ahead, 0.5)), [1, 1.02, 1.02, 1, 0.95, 1.05, 0.95]);
  const network = new Throughput();
  same("nothing known", network.choose(variants, null, 0).name, "h/i");
  network.noteLate(0);
  same("caution", [network.choose(variants, variants[1], 5), network.choose(variants, variants[1], 10)]
    .map(({ name }) => name), ["low", "h/i"]);
  same("steps", [network.stepDown(variants, variants[0]), network.stepDown(variants, variants[1])]
    .map(({ name }) => name), ["low", "low"]);

  // Checking: nothing is wrong with what is right, and each fault is found.

  const video = { kind: "video", url };
  const sound = { kind: "sound", url: "http://origin/live/a/media.m3u8" };
  const media = (number, index, start) => [
    { number, part: index, url: `http://origin/live/v/e/part/${start}.m4s`, discontinuity: 7,
      pdt: Date.parse("2026-01-01T00:00:00Z") + start * 1000, isLast: false },
    { start: start * 90, duration: 45, timescale: 90 }];

  function checked({ before = (text) => text, after = (text) => text, waited = 500, other = first,
    act = () => {} } = {}) {
    const checks = new Checks();
    const previous = parseMedia(before(first), url);
    const asked = { asked: 0, received: 0, position: null, previous: null };
    checks.tookPlaylist(video, previous, asked);
    checks.tookPlaylist(sound, parseMedia(other, sound.url), asked);
    const next = { asked: 10, previous, position: { number: 102, part: 1 } };
    checks.tookPlaylist(video, parseMedia(after(second), url, previous), { ...next, received: 500 });
    const third = second.replace("5.0.m4s", "5.5.m4s")
      .replace("#EXT-X-PRELOAD", `${part("5.0")}\n#EXT-X-PRELOAD`);
    checks.tookPlaylist(video, parseMedia(third, url), { asked: 510, received: 500 + waited,
      previous: parseMedia(second, url), position: { number: 102, part: 2 } });
    checks.tookMedia(video, ...media(101, 3, 3.5));
    checks.tookMedia(video, ...media(102, 0, 4));
    checks.tookMedia(video, ...media(102, 1, 4.5));
    checks.tookEdgeAge(0.3, 0.01, 2);
    act(checks);
    return checks.list.filter((check) => outcome(check) === "fail").map(({ id }) => id);
  }

  same("faults of what is right", checked(), []);
  const replace = (from, to) => (text) => text.replaceAll(from, to);
  const faults = {
    "HLS-011": { after: replace("DURATION:2", "DURATION:3") },
    "HLS-012": { after: replace("EXTINF:2.00000", "EXTINF:2.60000") },
    "HLS-014": { after: replace("SEQUENCE:100", "SEQUENCE:99") },
    "HLS-019": { after: replace("segment/0", "segment/1") },
    "HLS-020": { act: (checks) => checks.tookLoss(video, media(102, 2, 5)[0], 404) },
    "HLS-025": { after: replace("00:02.000Z", "00:02.050Z") },
    "HLS-026": { act: (checks) => {
      const [item, times] = media(102, 0, 4);
      checks.tookMedia(sound, item, { ...times, start: times.start + 2 });
    } },
    "HLS-027": { act: (checks) => checks.tookEdgeAge(-0.2, 0.01, 2) },
    "HLS-040": { after: replace("TARGET=0.500", "TARGET=0.600") },
    "HLS-041": { other: first.replace("HOLD-BACK=6.0", "HOLD-BACK=8.0") },
    "HLS-043": { after: replace("PART-HOLD-BACK=1.750", "PART-HOLD-BACK=1.400") },
    "HLS-046": { after: replace("DURATION=0.50000", "DURATION=0.51000") },
    "HLS-047": { after: replace('0.50000,URI="e/part/3.0', '0.40000,URI="e/part/3.0') },
    "HLS-049": { after: replace('0.50000,URI="e/part/3.5', '0.40000,URI="e/part/3.5') },
    "HLS-053": { waited: 1000 },
    "HLS-054": { after: replace("#EXT-X-PRELOAD-HINT", "#EXT-X-NOTHING") },
    "HLS-055": { after: replace("part/4.5", "part/4.52") },
    "HLS-056": { act: (checks) => checks.tookRefusedHint(video, url, 404) },
    "HLS-059": { after: replace("#EXT-X-RENDITION-REPORT", "#EXT-X-NOTHING") },
    "HLS-061": { after: replace(`${part("4.5")}\n`, "") },
    "HLS-074": { act: (checks) => checks.tookBrokenDelta(video, new Error("unknown")) },
    "CMAF-005": { act: (checks) => {
      const [item, times] = media(102, 2, 5);
      checks.tookMedia(video, item, { ...times, start: times.start - 1 });
    } },
  };
  same("what has a fault to find", new Checks().list.map(({ id }) => id).sort(),
    Object.keys(faults).sort());
  for (const [id, fault] of Object.entries(faults)) {
    if (!checked(fault).includes(id)) wrong.push(`${id} does not find its fault`);
  }
  return wrong;
}
