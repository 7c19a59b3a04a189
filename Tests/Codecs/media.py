"""What is encoded: one fragmented MP4 file a codec and variant, a frame a fragment."""
import concurrent.futures
import hashlib
import shlex
import subprocess

SECONDS = 8
FLAGS = "+cmaf+frag_every_frame"
SOUND = "aevalsrc=exprs=0.3*sin(440*2*PI*t+3*sin(t))|0.3*sin(660*2*PI*t)"


def picture(rate):
    return f"-f lavfi -i testsrc2=size=160x90:rate={rate}:duration={SECONDS + 1}"


def x264(more, rate="25", group=50):
    return (
        f"{picture(rate)} -frames:v {4 * group} -c:v libx264 -preset veryfast -threads 1 -g {group} "
        f"-keyint_min {group} -sc_threshold 0 {more}")


def sound(rate, more):
    return f"-f lavfi -i {SOUND}:s={rate}:d={SECONDS + 1} {more}"


# Every file of one set is 8 s long and has groups of 2 s; sound that can't be is a few frames shorter or
# longer, and its times go on accordingly where the publisher's loop begins anew.
SETS = {
    "pictures": {
        "h264-bframes": x264("-bf 3 -x264-params b-pyramid=normal:b-adapt=0"),
        "hevc-main10": f"{picture(25)} -frames:v 200 -c:v libx265 -preset ultrafast -pix_fmt yuv420p10le "
        "-tag:v hvc1 -x265-params keyint=50:min-keyint=50:scenecut=0:bframes=4:b-adapt=0:b-pyramid=1:"
        "open-gop=0:pools=1:log-level=none:info=0",
        "av1": f"{picture(25)} -frames:v 200 -c:v libsvtav1 -preset 12 -g 50 -svtav1-params scd=0",
    },
    "sound": {
        "h264": x264("-bf 0 -profile:v baseline -pix_fmt yuv420p"),
        "aac": sound(48000, "-frames:a 375 -c:a aac -b:a 96k"),
        "aac-surround": sound(48000, "-frames:a 375 -c:a aac -ac 6 -b:a 160k"),
        "aac-44100": sound(44100, "-frames:a 345 -c:a aac -b:a 96k"),
        "opus": sound(48000, "-frames:a 400 -c:a libopus -b:a 64k -frame_duration 20"),
    },
    "more-sound": {
        "vp9": f"{picture(25)} -frames:v 200 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 50 "
        "-keyint_min 50 -b:v 150k",
        "flac": sound(48000, f"-t {SECONDS} -c:a flac -ac 1"),
        "flac-96000": sound(96000, f"-t {SECONDS} -c:a flac -sample_fmt s16"),
        "ac3": sound(48000, "-frames:a 250 -c:a ac3 -ac 6 -b:a 256k"),
        "eac3": sound(48000, "-frames:a 250 -c:a eac3 -ac 6 -b:a 192k"),
        "mp3": sound(48000, "-frames:a 333 -c:a libmp3lame -b:a 96k"),
    },
    "ntsc": {"h264-ntsc": x264("-bf 2", rate="30000/1001", group=60)},
    # Sent by hand from its beginning alone: who joins later has pictures that can't be decoded.
    "open": {"h264-open-gop": x264("-bf 3 -x264-params open-gop=1:b-adapt=0")},
}


def encode(folder):
    """Encodes what is not there from an earlier run; the paths by set and name."""
    folder.mkdir(parents=True, exist_ok=True)

    def make(name, command):
        # These are known only when a frame has been seen.
        late = "+delay_moov" if "ac3" in name else "+empty_moov"
        command = f"{command} -strict -2 -movflags {FLAGS}{late}"
        place = folder / hashlib.sha256(command.encode()).hexdigest()[:12]
        path = place / f"{name}.mp4"
        if not path.exists():
            place.mkdir(exist_ok=True)
            unfinished = place / "unfinished.mp4"
            subprocess.run(
                ["ffmpeg", "-nostdin", "-y", "-v", "error", *shlex.split(command), unfinished],
                check=True, stderr=subprocess.PIPE)
            unfinished.rename(path)
        return path

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        made = {
            group: {name: pool.submit(make, name, command) for name, command in commands.items()}
            for group, commands in SETS.items()
        }
        return {g: {n: future.result() for n, future in files.items()} for g, files in made.items()}
