# Varnish in front of two moq-egress bridges: asks an origin once for everything, and hands what comes on to
# all who wait for it, at once and while it still comes.
#
# Written for Varnish 7.1 of Debian 12. Edit the lines that end in "# edit". Tests/Caches/run.sh plays through
# this very file.
#
#   varnishd -f /etc/varnish/moq-egress.vcl -s malloc,1g -p feature=+http2 \
#     -a :6081 -a 127.0.0.1:6086,PROXY -p thread_pool_max=2000
#
# Varnish has no TLS: hitch with Config/hitch.conf takes it off in front, offers HTTP/2, and goes on to port
# 6086 by the PROXY protocol. An access log without queries, where tokens are:
#
#   varnishncsa -F '%h %t %m %U %s %b %{Varnish:hitmiss}x %D'
#
# Both bridges need the same `packaging` settings, for DASH with a `packaging.publish-delay` that is not 0 (which each
# measures by itself), and the same `server.public-url`, https://live.example.com for instance: it is what DASH
# manifests name for the clock.

vcl 4.1;

import directors;
import std;

# A bridge is ready when all that it follows is live or over; what is on demand is not waited for.
probe ready {
  .url = "/readyz";
  .interval = 1s;
  .timeout = 2s;
  .window = 10;
  .threshold = 8;
  .initial = 10;
}

# A reload or a hinted part is held for three target durations at most: 6 s by default, 30 s with segments of
# 10 s. The first byte may take longer than that.
backend first {
  .host = "127.0.0.1";  # edit
  .port = "8080";  # edit
  .connect_timeout = 1s;
  .first_byte_timeout = 35s;
  .between_bytes_timeout = 15s;
  .probe = ready;
}

backend second {
  .host = "127.0.0.1";  # edit
  .port = "8081";  # edit
  .connect_timeout = 1s;
  .first_byte_timeout = 35s;
  .between_bytes_timeout = 15s;
  .probe = ready;
}

# Both again, for when neither is ready: a bridge with one broadcast whose publisher is silent has all the others, and
# of that one what was.
backend first_anyway {
  .host = "127.0.0.1";  # edit
  .port = "8080";  # edit
  .connect_timeout = 1s;
  .first_byte_timeout = 35s;
  .between_bytes_timeout = 15s;
}

backend second_anyway {
  .host = "127.0.0.1";  # edit
  .port = "8081";  # edit
  .connect_timeout = 1s;
  .first_byte_timeout = 35s;
  .between_bytes_timeout = 15s;
}

sub vcl_init {
  new origin = directors.fallback();
  origin.add_backend(first);
  origin.add_backend(second);
  origin.add_backend(first_anyway);
  origin.add_backend(second_anyway);
}

sub vcl_recv {
  # A request line may hold a whole URL: Varnish takes http: apart, but not https:.
  set req.url = regsub(req.url, "(?i)^https?://[^/?]*/?", "/");
  if (req.url !~ "^/" && !(req.method == "OPTIONS" && req.url == "*")) {
    return (synth(400));
  }
  if (!req.http.Host && req.proto == "HTTP/1.1") {
    return (synth(400));
  }
  if (req.restarts == 0) {
    call take_token;
  }
  if (req.method != "GET" && req.method != "HEAD" && req.method != "OPTIONS") {
    return (synth(405));
  }
  # Operations are not for viewers, nor by another spelling: the origin reads %6d as m, Varnish does not. What needs no
  # percent sign has none in anything that the origin names, and would be another object with each spelling.
  if (req.restarts == 0 && (req.url ~ "^/(metrics|status\.json|healthz|readyz|authorize(/[^?]*)?)(\?|$)"
      || req.url ~ "(?i)^[^?]*%(2[de]|3[0-9]|[46][1-9a-f]|5[0-9af]|7[0-9ae])")) {
    return (synth(404));
  }

  # What an answer depends on: its path and three directives. Nothing else of the query gets into the key, and
  # nothing else is sent to the origin: no CMCD, no token, no cookie. Gzip or not is Varnish's own affair.
  if (req.url ~ "/(media|iframes)\.m3u8\?") {
    # Every other parameter is emptied, then what is left is put in order and the empty ones are dropped.
    set req.url = regsuball(req.url, "([?&])(?!_HLS_(?:msn|part|skip)=)[^?&]*(?=[?&]|$)", "\1");
    # So are skips that are none, and zeros that say nothing: each spelling would be held for itself.
    set req.url = regsuball(req.url, "([?&])_HLS_skip=(?!(?:YES|v2)(?:&|$))[^&]*", "\1");
    set req.url = regsuball(req.url, "([?&]_HLS_(?:msn|part)=)0+(?=[0-9])", "\1");
    set req.url = regsub(regsuball(std.querysort(req.url), "&+(?=&|$)", ""), "\?&*$", "");
  } else {
    set req.url = regsub(req.url, "\?.*$", "");
  }
  unset req.http.Authorization;
  unset req.http.CMCD-Object;
  unset req.http.CMCD-Request;
  unset req.http.CMCD-Session;
  unset req.http.CMCD-Status;
  unset req.http.Cookie;
  unset req.http.Referer;
  unset req.http.User-Agent;

  set req.backend_hint = origin.backend();
  if (req.method == "OPTIONS" || req.url == "/time") {
    return (pass);
  }
  # What is asked for waits until the origin has said that this viewer may have it.
  if (req.restarts == 0 && req.http.X-Moq-Check == "yes") {
    set req.http.X-Moq-Target = req.url;
    set req.url = "/authorize" + req.http.X-Moq-Token + regsub(regsub(req.url, "\?.*$", ""),
      "/(?:[^/]+/[^/]+/(?:segment|part|number)/[^/]+(?:/[^/]+)?\.m4s|[^/]+/[^/]+\.mp4|[^/]+/(?:media|iframes)\.m3u8|preview/[^/]+/[^/]+|[^/]*)$",
      "/");
  }
  return (hash);
}

# A viewer's token, of the path or of the query, which the origin is asked about once in five minutes for each
# viewer and broadcast. Only characters of tokens: what is sent must not say more than one.
sub take_token {
  # With access.token-keys and access.origin-secrets at the origins, "yes"; without, "no".
  set req.http.X-Moq-Check = "no";  # edit
  set req.http.X-Moq-Token = "";
  unset req.http.X-Moq-Target;
  if (req.url ~ "^/(?:~|%7[Ee])[A-Za-z0-9._-]+/") {
    set req.http.X-Moq-Token = regsub(req.url, "^/(?:~|%7[Ee])([A-Za-z0-9._-]+)/.*$", "/~\1");
  } else if (req.url ~ "[?&]token=[A-Za-z0-9._-]+(?:&|$)") {
    set req.http.X-Moq-Token = regsub(req.url, "^.*?[?&]token=([A-Za-z0-9._-]+)(?:&.*)?$", "/~\1");
  }
  set req.url = regsub(req.url, "^/(?:~|%7[Ee])[^/?]+/", "/");
}

sub vcl_hash {
  hash_data(req.url);
  return (lookup);
}

sub vcl_backend_fetch {
  # A viewer's Host must not get into a manifest that others are given: the backend's address stands in.
  unset bereq.http.Host;
  unset bereq.http.X-Moq-Check;
  unset bereq.http.X-Moq-Target;
  unset bereq.http.X-Moq-Token;
  set bereq.http.X-Origin-Secret = "one of access.origin-secrets";  # edit
}

sub vcl_backend_response {
  # The other origin may have what this one lacks, and asking twice does no harm. A bridge that has just
  # started does not have what the other has: hence 404.
  if (bereq.retries == 0 && (beresp.status == 404 || (beresp.status >= 502 && beresp.status <= 504))) {
    if (beresp.backend == first || beresp.backend == first_anyway) {
      set bereq.backend = second;
    } else {
      set bereq.backend = first;
    }
    if (std.healthy(bereq.backend)) {
      return (retry);
    }
  }
  call keep;
  return (deliver);
}

sub vcl_backend_error {
  if (bereq.retries == 0) {
    if (beresp.backend == first || beresp.backend == first_anyway) {
      set bereq.backend = second_anyway;
    } else {
      set bereq.backend = first_anyway;
    }
    return (retry);
  }
  set beresp.http.Content-Type = "text/plain; charset=utf-8";
  set beresp.http.Cache-Control = "no-store";
  set beresp.http.Access-Control-Allow-Origin = "*";
  set beresp.http.Retry-After = "1";
  set beresp.body = "no origin can be reached" + {"
"};
  call keep;
  return (deliver);
}

# How long an answer is kept: what Cache-Control says. An old media playlist or manifest would go back in time,
# so there is no grace for them.
sub keep {
  # Segments go to all who wait as they come. Playlists and parts are small and come in one piece: what goes on
  # is whole, so that the other origin can be asked when one fails in the middle.
  set beresp.do_stream = (bereq.url ~ "/segment/");
  set beresp.grace = 0s;
  set beresp.keep = 0s;
  if (beresp.status == 200 && bereq.url ~ "/index\.m3u8$") {
    # In it nothing can go back: an old one is good while a new one is fetched.
    set beresp.grace = 10s;
  } else if (beresp.status == 200 && bereq.url ~ "\.(m4s|mp4)$") {
    # Names of media fix their bytes.
    set beresp.grace = 60s;
  } else if (beresp.status == 400 && beresp.http.Cache-Control ~ "max-age=") {
    # Varnish itself gives it no lifetime.
    set beresp.ttl = std.duration(regsub(beresp.http.Cache-Control, "^.*max-age=([0-9]+).*$", "\1s"), 0s);
  } else if (beresp.status == 503 || (beresp.status == 404 && beresp.http.Cache-Control ~ "no-store")) {
    # Not to be stored. But it is the answer for those who have waited for it: without a lifetime they would be
    # let through one after the other, each to wait anew, and with hit-for-miss all at once.
    set beresp.ttl = 10ms;
    set beresp.keep = 5s;
  } else if (beresp.ttl <= 0s || beresp.http.Cache-Control ~ "no-store") {
    set beresp.ttl = 1s;
    set beresp.uncacheable = true;
  }
}

sub vcl_deliver {
  if (req.http.X-Moq-Target && resp.status == 204) {
    set req.url = req.http.X-Moq-Target;
    unset req.http.X-Moq-Target;
    return (restart);
  }
  if (obj.uncacheable) {
    set resp.http.Cache-Status = "varnish; fwd=bypass";
  } else if (obj.hits > 0) {
    set resp.http.Cache-Status = "varnish; hit";
  } else {
    set resp.http.Cache-Status = "varnish; fwd=uri-miss";
  }
  unset resp.http.X-Varnish;
  unset resp.http.Via;
}

sub vcl_synth {
  set resp.http.Content-Type = "text/plain; charset=utf-8";
  set resp.http.Access-Control-Allow-Origin = "*";
  if (resp.status == 405) {
    set resp.http.Allow = "GET, HEAD, OPTIONS";
  }
  set resp.body = resp.reason + {"
"};
  return (deliver);
}
