"""What players complain of though nothing is wrong with what they play.

Every entry is an expression for a whole line, with the reason why it says nothing of ours.
"""

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
    # Its own safeguard while video waits for audio at the start; see src/input/decoder.c.
    r"main decoder error: buffer deadlock prevented",
)

GSTREAMER = (
    # The tool prints the messages of the session that its sources share, and can't print objects.
    r"No value transform to serialize field",
)
