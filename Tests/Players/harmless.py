"""What players complain of though nothing is wrong with what they play.

Every entry is an expression for a whole line, with the reason why it says nothing of ours.
"""

# What a busy machine makes mpv and GStreamer say: how long nothing new was shown is counted all the same, and
# too long a wait fails. With --smooth these are faults.
BUSY = (
    r"\[cplayer\] Audio device underrun detected\.",
    r"\[cplayer\] Audio/Video desynchronisation detected!",
    r"A lot of buffers are being dropped\.|this computer is too slow",
)

MPV = (
    # Its HLS demuxer reads the header anew with each segment, as ffmpeg's does.
    r"Found duplicated MOOV Atom\. Skipped it",
    # The option is of https, and the service is http.
    r"Could not set AVOption tls_verify",
)

VLC = (
    # There is no desktop: no D-Bus, no screen saver, no global keys.
    r"dbus interface error: Failed to connect to the D-Bus session daemon",
    r"main interface error: no suitable interface module",
    r"main libvlc error: interface \"(dbus|globalhotkeys),none\" initialization failed",
    # The header of a fragmented file has no samples, ISO/IEC 14496-12 §8.16.
    r"mp4 demux warning: (no chunk defined|STTS table of 0 entries)$",
    # The first frame of AAC after a start gives no samples: the decoder needs the one before it.
    r"faad decoder warning: decoded zero sample",
    # Decoder threads whose pictures are taken away, when a rendition is left or the player ends.
    r"\[h264 @ \w+\] (get_buffer\(\) failed|thread_get_buffer\(\) failed|decode_slice_header error|no frame!)$",
    # It tries the formats of graphics hardware, which is not there, before that of memory. That
    # it did come to show something is seen by the pictures.
    r"chain filter error: Too high level of recursion",
    r"main (filter|vout display) error: Failed to create video converter$",
    r"main vout display error: Failed to adapt decoder format to display$",
    r"main video output error: video output creation failed$",
    r"main decoder error: failed to create video output$",
    # A rendition of another size was begun.
    r"\[h264 @ \w+\] Reinit context to \d+x\d+, pix_fmt: yuv420p$",
    r"main playlist warning: cannot reuse provided vout$",
    # Its own safeguard while video waits for audio at the start; see src/input/decoder.c.
    r"main decoder error: buffer deadlock prevented",
)

GSTREAMER = (
    # The tool prints the messages of the session that its sources share, and can't print objects.
    r"No value transform to serialize field",
    # The resampler that playbin3 always has in its chain, where there is nothing to resample.
    r"audio-resampler\.c:\d+:\w+: can't find exact taps$",
)
