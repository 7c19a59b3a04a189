"""Players without a screen, that play in real time and show what they got."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import harmless
from pictures import FRAMES_PER_SECOND, Folder, Pipe
from processes import Failed, Process, wait_until

# How long a player may show nothing new, and how much longer than asked it may take in all, before it
# counts as stalled. A busy machine makes seconds of delay; a lost segment or playlist makes more.
STALL, PATIENCE = 10, 40
# Of what should be heard, at least.
SOUND_SHARE = 0.8


class Player:
    """One player at one URL."""

    # What must be there to run it, and the package that has it.
    program, package = "", ""

    def __init__(self, space, name, url, seconds):
        self.url, self.seconds = url, seconds
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=space.folder))
        space.folder.chmod(0o711)
        self.folder.chmod(0o777)
        self.shown = self.open()
        self.process = Process(space.folder / f"{name}.log", self.command())
        space.callback(self.process.kill)

    @classmethod
    def is_there(cls):
        return shutil.which(cls.program) is not None

    @classmethod
    def version(cls):
        """The line that it says of itself."""
        result = subprocess.run(
            cls.as_user([cls.program, "--version"]), capture_output=True, text=True, errors="replace")
        return (result.stdout.splitlines() or [cls.program])[0]

    @classmethod
    def as_user(cls, command):
        return command

    def open(self):
        """Where its frames come out."""
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def count(self):
        return len(self.shown.times)

    def complaints(self):
        """Lines of its log that tell of something wrong."""
        raise NotImplementedError

    def sound(self):
        """Seconds of sound that were played."""
        raise NotImplementedError

    def finish(self):
        """Waits until the frames of the time are shown; fails when that takes far longer."""
        wanted = self.seconds * FRAMES_PER_SECOND + 1

        def is_done():
            if self.process.process.poll() is not None:
                raise Failed(f"it ended by itself: {self.process.tail()}")
            return self.count() >= wanted

        deadline = self.seconds + PATIENCE
        try:
            wait_until(is_done, deadline, f"{wanted} frames")
        except Failed as failure:
            raise Failed(f"{failure}, but {self.count()}; {' | '.join(self.complaints()[:3])}")
        # What it says while it is being ended says nothing of the media.
        self.said, heard = self.complaints(), self.sound()
        self.process.kill()
        return heard

    def play(self):
        heard = self.finish()
        shown = self.shown
        if self.said:
            raise Failed(f"{len(self.said)} complaints: {' | '.join(self.said[:5])}")
        if faults := self.faults():
            raise Failed(f"{len(faults)} faults: {'; '.join(faults[:3])}")
        if shown.longest_wait() > STALL:
            raise Failed(f"nothing new was shown for {shown.longest_wait():.1f} s")
        if heard < SOUND_SHARE * self.seconds:
            raise Failed(f"only {heard:.1f} s of sound in {self.seconds} s")
        sizes = f" of {len(shown.changes) + 1} sizes" if shown.changes else ""
        return (f"{len(shown.times)} frames{sizes} in order in {shown.times[-1] - shown.times[0]:.1f} s, "
                f"{shown.waits()} waits of 0.5 s (longest {shown.longest_wait():.2f} s), "
                f"{heard:.0f} s of sound, latency {shown.latency():.1f} s modulo 16")

    def faults(self):
        """Where frames are not the one after the last."""
        return self.shown.faults()

    def lines(self, pattern, known, text=None):
        """Lines of its output, or of a text, of a pattern that are not known to be harmless."""
        known = (*known, *harmless.BUSY)
        return [
            line[:300] for line in (text or self.process.text()).splitlines()
            if re.search(pattern, line) and not any(re.search(entry, line) for entry in known)]


class MPV(Player):
    """mpv; its pictures become files, its sound is counted on the way to a device that plays nothing."""

    program, package = "mpv", "mpv"

    def open(self):
        self.log = self.folder.with_suffix(".lines.log")
        (self.folder / "pictures").mkdir()
        return Folder(self.folder / "pictures")

    def command(self):
        return [
            "mpv", "--no-config", "--vo=image", "--vo-image-format=png",
            f"--vo-image-outdir={self.shown.path}",
            f"--vf=lavfi=[scale={Folder.WIDTH}:{Folder.HEIGHT}:flags=area,format=gray]",
            "--ao=null", "--af=lavfi=[ashowinfo]", "--msg-level=all=v",
            "--term-status-msg=", f"--log-file={self.log}", self.url]

    def count(self):
        return self.shown.count()

    def finish(self):
        heard = super().finish()
        self.shown.collect()
        return heard

    def complaints(self):
        # Its log file tells the level of every line: fatal, error, warning.
        return self.lines(r"^\[ *[\d.]+\]\[[few]\]", harmless.MPV, self.log.read_text(errors="replace"))

    def sound(self):
        counts = re.findall(r"ashowinfo\S* .* rate:(\d+) nb_samples:(\d+)", self.log.read_text())
        return sum(int(samples) / int(rate) for rate, samples in counts)


class VLC(Player):
    """VLC; its pictures go to a pipe, its sound to a file, both when they are due."""

    program, package = "vlc", "vlc-bin and vlc-plugin-base"
    # When a rendition of another size begins it makes its display anew, and what waits to be shown in the
    # old one is gone: frames on both sides of that.
    AROUND_CHANGES = 50
    HEADER = 44

    def open(self):
        return Pipe(self.folder / "pictures")

    def command(self):
        return self.as_user([
            "env", f"HOME={self.folder}", f"XDG_RUNTIME_DIR={self.folder}", "vlc", "-I", "dummy",
            "--no-color", "-vv", "--no-drop-late-frames", "--no-skip-frames", "--vout=yuv",
            f"--yuv-file={self.folder}/pictures", "--yuv-yuv4mpeg2", "--aout=afile",
            f"--audiofile-file={self.folder}/sound.wav", self.url])

    @classmethod
    def as_user(cls, command):
        """A command as the user nobody, as it refuses to be run by root."""
        if os.getuid() == 0:
            return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
        return command

    def faults(self):
        found = self.shown.faults(self.AROUND_CHANGES)
        # When it begins its clock anew, see harmless.py, it loses the frames that it has decoded already.
        resets = self.process.text().count("ES_OUT_RESET_PCR called")
        return found if self.shown.goes_back() or len(found) > 2 * resets else []

    def complaints(self):
        return self.lines(r"^\[\w+\] .* (error|warning): |^\[\w+ @ \w+\] ", harmless.VLC)

    def sound(self):
        path = self.folder / "sound.wav"
        # 16 bits of two channels.
        return max(0, path.stat().st_size - self.HEADER) / 4 / 48_000 if path.exists() else 0


class GStreamer(Player):
    """GStreamer with its newer adaptive demuxers; pictures and sound are written when they are due."""

    program, package = "gst-launch-1.0", "gstreamer1.0-tools and plugins"
    # A multiple of 4: rows are padded to one.
    WIDTH, HEIGHT = 320, 180

    @classmethod
    def is_there(cls):
        names = ("hlsdemux2", "dashdemux2", "avdec_h264", "avdec_aac", "souphttpsrc", "playbin3")
        return super().is_there() and shutil.which("gst-inspect-1.0") is not None and all(
            subprocess.run(["gst-inspect-1.0", "--exists", name]).returncode == 0 for name in names)

    def open(self):
        return Pipe(self.folder / "pictures", (self.WIDTH, self.HEIGHT))

    def command(self):
        picture = (
            "videoscale ! videoconvert ! "
            f"video/x-raw,format=GRAY8,width={self.WIDTH},height={self.HEIGHT} ! "
            f"filesink buffer-mode=unbuffered sync=true location={self.folder}/pictures")
        sound = (
            "audioconvert ! audio/x-raw,format=S16LE,rate=48000,channels=2 ! "
            f"filesink buffer-mode=unbuffered sync=true location={self.folder}/sound")
        return [
            "env", "GST_PLUGIN_FEATURE_RANK=hlsdemux2:1024,dashdemux2:1024", "GST_DEBUG=2",
            "GST_DEBUG_NO_COLOR=1", "gst-launch-1.0", "-m", "playbin3", f"uri={self.url}",
            f"video-sink={picture}", f"audio-sink={sound}"]

    def complaints(self):
        return self.lines(r"^(ERROR|WARNING)\b|\((error|warning)\): |\d (WARN|ERROR) +\w|CRITICAL",
                          harmless.GSTREAMER)

    def sound(self):
        path = self.folder / "sound"
        return path.stat().st_size / 4 / 48_000 if path.exists() else 0
