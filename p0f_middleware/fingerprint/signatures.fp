; Signatures of TCP SYNs and names of links, in the format of p0f 3.09b (its README, section 5).
;
; How to read it
;
; A label is a family, and names versions only where the shape of the SYN tells them. Specific labels (s) rest on a
; window, a scale or an option layout; generic ones (g) on the layout alone. A generic signature wins over any that fits
; only fuzzily (another TTL, no DF, another id, ECN), and among equals the first in the file wins.
;
; Each signature for IPv4 has a twin for IPv6. "*" lines match IPv4, and IPv6 without a flow label; "6:...:flow" lines
; match IPv6 with one, because p0f takes a flow label for a quirk that must be asked for. In the twin a fixed MSS is 20
; smaller. A window that is the largest multiple of the MSS below a limit is another multiple there (44 segments of 1460
; bytes, 45 of 1440), so the multiples are listed. The hop limit of a host is the router's advice, not the system's.
;
; ";; seen" below a signature says how often SYNs that match it exactly came with a User-Agent of each family, in the
; collection of tests/fingerprint/vectors/shapes.tsv, where each variant of a SYN counts once. It is agreement with the
; User-Agent, and not the odds that the sender runs that system. Write it again with
;   python -m tests.fingerprint.score --count-evidence
;
; The system a label names is the sender's of the SYN. Behind a proxy or a VPN that ends TCP connections, that is not the
; user's. Such senders are called "Proxy or VPN": their User-Agents are as mixed as those of the whole collection.
;
; How a shape gets its label is written in docs/labels.md. Each group says where its facts come from:
;   observed    seen by this project: a packet that system or tool sent, captured in a network namespace
;   collected   in a public collection of SYNs labelled with the User-Agent of their sender (2023 to November 2025)
;   documented  a published default, measurement, capture or source code; no packet was seen by this project
;   derived     what a known rewriting does to a known shape; no packet was seen by this project

classes = win,unix,other

[mtu]

; documented: RFC 894. An IPv6 host behind it sends MSS 1440, which is the same MTU.

label = Ethernet
sig   = 1500

; documented: RFC 2516 (1492); 1454 and 1452 are settings of Japanese and other DSL providers.

label = PPPoE or DSL
sig   = 1492
sig   = 1454
sig   = 1452

; documented: RFC 879 and RFC 1191: what hosts use that know nothing of the path.

label = dial-up
sig   = 576

; observed: 65535, Linux over IPv4 (over IPv6 it is 65536, which the format cannot hold); documented: the others,
; of BSD, macOS and Linux before 3.x.

label = loopback
sig   = 65535
sig   = 16384
sig   = 16436
sig   = 33184
sig   = 32768

; 9000 documented as the usual setting, 9001 as Amazon EC2's.

label = jumbo Ethernet
sig   = 9000
sig   = 9001

; documented: 20 bytes of IPv4 header around each packet (RFC 2003, RFC 4213).

label = IPIP or 6in4
sig   = 1480

; documented: RFC 2784 (24 bytes around each packet); 1462 carries Ethernet frames.

label = GRE
sig   = 1476
sig   = 1462

; documented: RFC 2661 and RFC 6333 (40 bytes around each packet), and Google Cloud's default.

label = L2TP, DS-Lite or Google Cloud
sig   = 1460

; documented: RFC 7348 (50 bytes around each packet). Cloud and container networks use it.

label = VXLAN
sig   = 1450

; documented: wg-quick takes 80 bytes off the MTU of the way out: 1420 on Ethernet, 1412 over PPPoE.

label = WireGuard
sig   = 1420
sig   = 1412

; derived: mssfix 1450 less the framing of the old default Blowfish with SHA1 (1409) and of AES-256-GCM without
; and with a compression byte (1426, 1425).

label = OpenVPN
sig   = 1409
sig   = 1426
sig   = 1425

; derived: 1500 less ESP in tunnel mode with AES, depending on padding, hash and NAT traversal.

label = IPsec
sig   = 1446
sig   = 1438
sig   = 1422
sig   = 1418
sig   = 1406

; documented: settings of mobile operators, as published for handsets and routers.

label = mobile network
sig   = 1428
sig   = 1430
sig   = 1410
sig   = 1358

; documented as a setting of both, so that the number does not tell them apart.

label = VPN or mobile network
sig   = 1440
sig   = 1400
sig   = 1390
sig   = 1380
sig   = 1370
sig   = 1360
sig   = 1350
sig   = 1340
sig   = 1330
sig   = 1320
sig   = 1300

; documented: RFC 8200; the setting of Teredo, Tailscale, Cloudflare WARP and many mobile networks.

label = IPv6 minimum, tunnel or VPN
sig   = 1280

; documented default.

label = ZeroTier
sig   = 2800

[tcp:request]

; --- Windows ---

; collected: 65535 and 44 segments, scale 8, with and without ECN; documented: from Windows 10 1703 on the window is
; 65535 or the largest multiple of the MSS below it, from Windows 11 23H2 on 65535 alone, before 1703 8192. An IPv6
; host takes its hop limit from the router's advertisement: Windows with a global address was captured with 64 and
; 63, so 64 is as plain there as 128.

label = s:win:Windows:10 or 11
sig   = *:128:0:*:65535,8:mss,nop,ws,nop,nop,sok:df,id+:0
;; seen Windows=29 Apple=0 Linux=0
sig   = *:128:0:*:65535,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:65535,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:128:0:*:65535,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:mss*44,8:mss,nop,ws,nop,nop,sok:df,id+:0
;; seen Windows=159 Apple=0 Linux=0
sig   = *:128:0:*:mss*44,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
;; seen Windows=16 Apple=0 Linux=0
sig   = 6:128:0:*:mss*44,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:128:0:*:mss*44,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:mss*45,8:mss,nop,ws,nop,nop,sok:df,id+:0
;; seen Windows=6 Apple=0 Linux=0
sig   = *:128:0:*:mss*45,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*45,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:128:0:*:mss*45,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:mss*46,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:mss*46,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*46,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:128:0:*:mss*46,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:mss*47,8:mss,nop,ws,nop,nop,sok:df,id+:0
;; seen Windows=4 Apple=0 Linux=0
sig   = *:128:0:*:mss*47,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*47,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:128:0:*:mss*47,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:mss*48,8:mss,nop,ws,nop,nop,sok:df,id+:0
;; seen Windows=5 Apple=0 Linux=0
sig   = *:128:0:*:mss*48,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*48,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:128:0:*:mss*48,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:mss*49,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:mss*49,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*49,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:128:0:*:mss*49,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:mss*50,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:mss*50,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*50,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:128:0:*:mss*50,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:mss*51,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:mss*51,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*51,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:128:0:*:mss*51,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:mss*52,8:mss,nop,ws,nop,nop,sok:df,id+:0
;; seen Windows=2 Apple=0 Linux=0
sig   = *:128:0:*:mss*52,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*52,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:128:0:*:mss*52,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:mss*53,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:mss*53,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*53,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:128:0:*:mss*53,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = 6:64:0:*:65535,8:mss,nop,ws,nop,nop,sok::0
sig   = 6:64:0:*:65535,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:64:0:*:65535,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = 6:64:0:*:mss*44,8:mss,nop,ws,nop,nop,sok::0
sig   = 6:64:0:*:mss*44,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:64:0:*:mss*44,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = 6:64:0:*:mss*45,8:mss,nop,ws,nop,nop,sok::0
sig   = 6:64:0:*:mss*45,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:64:0:*:mss*45,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = 6:64:0:*:mss*46,8:mss,nop,ws,nop,nop,sok::0
sig   = 6:64:0:*:mss*46,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:64:0:*:mss*46,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = 6:64:0:*:mss*47,8:mss,nop,ws,nop,nop,sok::0
sig   = 6:64:0:*:mss*47,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:64:0:*:mss*47,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = 6:64:0:*:mss*48,8:mss,nop,ws,nop,nop,sok::0
sig   = 6:64:0:*:mss*48,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:64:0:*:mss*48,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = 6:64:0:*:mss*49,8:mss,nop,ws,nop,nop,sok::0
sig   = 6:64:0:*:mss*49,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:64:0:*:mss*49,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = 6:64:0:*:mss*50,8:mss,nop,ws,nop,nop,sok::0
sig   = 6:64:0:*:mss*50,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:64:0:*:mss*50,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = 6:64:0:*:mss*51,8:mss,nop,ws,nop,nop,sok::0
sig   = 6:64:0:*:mss*51,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:64:0:*:mss*51,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = 6:64:0:*:mss*52,8:mss,nop,ws,nop,nop,sok::0
sig   = 6:64:0:*:mss*52,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:64:0:*:mss*52,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = 6:64:0:*:mss*53,8:mss,nop,ws,nop,nop,sok::0
sig   = 6:64:0:*:mss*53,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:64:0:*:mss*53,8:mss,nop,ws,nop,nop,sok:ecn,flow:0

; collected: 8192 with scale 8 or 2; documented: 8192 without scaling where autotuning is switched off.

label = s:win:Windows:Vista to 10, 8 KB window
sig   = *:128:0:*:8192,8:mss,nop,ws,nop,nop,sok:df,id+:0
;; seen Windows=31 Apple=0 Linux=0
sig   = *:128:0:*:8192,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
;; seen Windows=9 Apple=0 Linux=0
sig   = 6:128:0:*:8192,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:128:0:*:8192,8:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:8192,2:mss,nop,ws,nop,nop,sok:df,id+:0
;; seen Windows=38 Apple=0 Linux=0
sig   = *:128:0:*:8192,2:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:8192,2:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:128:0:*:8192,2:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:8192,0:mss,nop,nop,sok:df,id+:0
;; seen Windows=6 Apple=0 Linux=0
sig   = *:128:0:*:8192,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:8192,0:mss,nop,nop,sok:flow:0
sig   = 6:128:0:*:8192,0:mss,nop,nop,sok:ecn,flow:0
sig   = 6:64:0:*:8192,8:mss,nop,ws,nop,nop,sok::0
sig   = 6:64:0:*:8192,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:64:0:*:8192,2:mss,nop,ws,nop,nop,sok::0
sig   = 6:64:0:*:8192,2:mss,nop,ws,nop,nop,sok:flow:0

; documented: XP and Server 2003 start with 65535, 16384 or 64240 and scale, if at all, by 0 to 2. Windows 10 sends
; the same windows without scaling where autotuning is switched off (collected), so those name no version.

label = s:win:Windows:XP
sig   = *:128:0:*:65535,0:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:128:0:*:65535,0:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:128:0:*:65535,1:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:128:0:*:65535,1:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:128:0:*:65535,2:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:128:0:*:65535,2:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:128:0:*:16384,0:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:128:0:*:16384,0:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:128:0:*:16384,1:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:128:0:*:16384,1:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:128:0:*:16384,2:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:128:0:*:16384,2:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:128:0:*:16384,0:mss,nop,nop,sok:df,id+:0
sig   = 6:128:0:*:16384,0:mss,nop,nop,sok:flow:0

label = s:win:Windows:no window scaling
sig   = *:128:0:*:65535,0:mss,nop,nop,sok:df,id+:0
;; seen Windows=2 Apple=1 Linux=1
sig   = *:128:0:*:65535,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:65535,0:mss,nop,nop,sok:flow:0
sig   = 6:128:0:*:65535,0:mss,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:mss*44,0:mss,nop,nop,sok:df,id+:0
;; seen Windows=26 Apple=1 Linux=0
sig   = *:128:0:*:mss*44,0:mss,nop,nop,sok:df,id+,ecn:0
;; seen Windows=4 Apple=0 Linux=0
sig   = 6:128:0:*:mss*44,0:mss,nop,nop,sok:flow:0
sig   = 6:128:0:*:mss*44,0:mss,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:mss*45,0:mss,nop,nop,sok:df,id+:0
sig   = *:128:0:*:mss*45,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*45,0:mss,nop,nop,sok:flow:0
sig   = 6:128:0:*:mss*45,0:mss,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:mss*46,0:mss,nop,nop,sok:df,id+:0
sig   = *:128:0:*:mss*46,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*46,0:mss,nop,nop,sok:flow:0
sig   = 6:128:0:*:mss*46,0:mss,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:mss*47,0:mss,nop,nop,sok:df,id+:0
sig   = *:128:0:*:mss*47,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*47,0:mss,nop,nop,sok:flow:0
sig   = 6:128:0:*:mss*47,0:mss,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:mss*48,0:mss,nop,nop,sok:df,id+:0
sig   = *:128:0:*:mss*48,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*48,0:mss,nop,nop,sok:flow:0
sig   = 6:128:0:*:mss*48,0:mss,nop,nop,sok:ecn,flow:0

; collected: the shapes of Windows 7 to 11 with an initial TTL of 64 or 255. VPNs and mobile routers write a TTL of
; their own. The window may be any, because a router may lower the MSS after Windows has rounded its window. Over IPv6 the hop
; limit is the router's advice.

label = s:win:Windows:TTL rewritten
sig   = 4:64:0:*:*,8:mss,nop,ws,nop,nop,sok:df,id+:0
;; seen Windows=98 Apple=0 Linux=0
sig   = 4:64:0:*:*,2:mss,nop,ws,nop,nop,sok:df,id+:0
;; seen Windows=7 Apple=0 Linux=0
sig   = 4:255:0:*:*,8:mss,nop,ws,nop,nop,sok:df,id+:0
;; seen Windows=13 Apple=0 Linux=0
sig   = 4:255:0:*:*,2:mss,nop,ws,nop,nop,sok:df,id+:0

label = s:win:Windows:
sig   = 6:64:0:*:*,8:mss,nop,ws,nop,nop,sok::0
sig   = 6:64:0:*:*,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:64:0:*:*,2:mss,nop,ws,nop,nop,sok::0
sig   = 6:64:0:*:*,2:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:255:0:*:*,8:mss,nop,ws,nop,nop,sok::0
sig   = 6:255:0:*:*,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:255:0:*:*,2:mss,nop,ws,nop,nop,sok::0
sig   = 6:255:0:*:*,2:mss,nop,ws,nop,nop,sok:flow:0

label = s:win:Windows:no window scaling
sig   = *:64:0:*:65535,0:mss,nop,nop,sok:df,id+:0
sig   = *:64:0:*:65535,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = 6:64:0:*:65535,0:mss,nop,nop,sok:flow:0
sig   = 6:64:0:*:65535,0:mss,nop,nop,sok:ecn,flow:0
sig   = *:64:0:*:mss*44,0:mss,nop,nop,sok:df,id+:0
;; seen Windows=8 Apple=0 Linux=0
sig   = *:64:0:*:mss*44,0:mss,nop,nop,sok:df,id+,ecn:0
;; seen Windows=3 Apple=0 Linux=0
sig   = 6:64:0:*:mss*44,0:mss,nop,nop,sok:flow:0
sig   = 6:64:0:*:mss*44,0:mss,nop,nop,sok:ecn,flow:0
sig   = *:64:0:*:mss*45,0:mss,nop,nop,sok:df,id+:0
sig   = *:64:0:*:mss*45,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = 6:64:0:*:mss*45,0:mss,nop,nop,sok:flow:0
sig   = 6:64:0:*:mss*45,0:mss,nop,nop,sok:ecn,flow:0
sig   = *:64:0:*:mss*46,0:mss,nop,nop,sok:df,id+:0
sig   = *:64:0:*:mss*46,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = 6:64:0:*:mss*46,0:mss,nop,nop,sok:flow:0
sig   = 6:64:0:*:mss*46,0:mss,nop,nop,sok:ecn,flow:0
sig   = *:64:0:*:mss*47,0:mss,nop,nop,sok:df,id+:0
sig   = *:64:0:*:mss*47,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = 6:64:0:*:mss*47,0:mss,nop,nop,sok:flow:0
sig   = 6:64:0:*:mss*47,0:mss,nop,nop,sok:ecn,flow:0
sig   = *:64:0:*:mss*48,0:mss,nop,nop,sok:df,id+:0
sig   = *:64:0:*:mss*48,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = 6:64:0:*:mss*48,0:mss,nop,nop,sok:flow:0
sig   = 6:64:0:*:mss*48,0:mss,nop,nop,sok:ecn,flow:0
sig   = *:64:0:*:8192,0:mss,nop,nop,sok:df,id+:0
;; seen Windows=1 Apple=0 Linux=0
sig   = *:64:0:*:8192,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = 6:64:0:*:8192,0:mss,nop,nop,sok:flow:0
sig   = 6:64:0:*:8192,0:mss,nop,nop,sok:ecn,flow:0

; collected: with Tcp1323Opts timestamps come last, as on FreeBSD, whose TTL is 64; at that TTL, 44 or 47 segments
; (45 or 48 over IPv6) with scale 8 and 8192 with scale 2 come from Windows alone (collected).

label = s:win:Windows:with timestamps
sig   = *:128:0:*:8192,8:mss,nop,ws,sok,ts:df,id+:0
;; seen Windows=3 Apple=0 Linux=0
sig   = 6:128:0:*:8192,8:mss,nop,ws,sok,ts:flow:0
sig   = *:128:0:*:8192,2:mss,nop,ws,sok,ts:df,id+:0
;; seen Windows=6 Apple=0 Linux=0
sig   = 6:128:0:*:8192,2:mss,nop,ws,sok,ts:flow:0
sig   = *:128:0:*:65535,8:mss,nop,ws,sok,ts:df,id+:0
sig   = 6:128:0:*:65535,8:mss,nop,ws,sok,ts:flow:0
sig   = *:128:0:*:65535,2:mss,nop,ws,sok,ts:df,id+:0
sig   = 6:128:0:*:65535,2:mss,nop,ws,sok,ts:flow:0
sig   = *:128:0:*:mss*44,8:mss,nop,ws,sok,ts:df,id+:0
;; seen Windows=8 Apple=0 Linux=0
sig   = 6:128:0:*:mss*44,8:mss,nop,ws,sok,ts:flow:0
sig   = *:128:0:*:mss*44,2:mss,nop,ws,sok,ts:df,id+:0
sig   = 6:128:0:*:mss*44,2:mss,nop,ws,sok,ts:flow:0
sig   = *:64:0:*:mss*44,8:mss,nop,ws,sok,ts:df,id+:0
;; seen Windows=10 Apple=0 Linux=0
sig   = 6:64:0:*:mss*44,8:mss,nop,ws,sok,ts:flow:0
sig   = 4:64:0:*:mss*47,8:mss,nop,ws,sok,ts:df,id+:0
sig   = 6:64:0:*:mss*45,8:mss,nop,ws,sok,ts::0
sig   = 6:64:0:*:mss*45,8:mss,nop,ws,sok,ts:flow:0
sig   = 6:64:0:*:mss*48,8:mss,nop,ws,sok,ts::0
sig   = 6:64:0:*:mss*48,8:mss,nop,ws,sok,ts:flow:0
sig   = *:64:0:*:8192,2:mss,nop,ws,sok,ts:df,id+:0
;; seen Windows=2 Apple=0 Linux=0
sig   = 6:64:0:*:8192,2:mss,nop,ws,sok,ts:flow:0

; collected: the layout of Windows with eight bytes of padding behind it.

label = s:win:Windows:padded options
sig   = *:128:0:*:*,*:mss,nop,ws,nop,nop,sok,nop,eol+6:df,id+:0
;; seen Windows=6 Apple=0 Linux=0
sig   = 6:128:0:*:*,*:mss,nop,ws,nop,nop,sok,nop,eol+6:flow:0

; derived: the SACK option or the nops taken out on the way.

label = s:win:Windows:options removed
sig   = *:128:0:*:65535,8:mss,nop,ws:df,id+:0
sig   = 6:128:0:*:65535,8:mss,nop,ws:flow:0
sig   = *:128:0:*:mss*44,8:mss,nop,ws:df,id+:0
sig   = 6:128:0:*:mss*44,8:mss,nop,ws:flow:0
sig   = *:128:0:*:65535,0:mss,sok,eol+1:df,id+:0
sig   = 6:128:0:*:65535,0:mss,sok,eol+1:flow:0
sig   = *:128:0:*:mss*44,0:mss,sok,eol+1:df,id+:0
sig   = 6:128:0:*:mss*44,0:mss,sok,eol+1:flow:0
sig   = *:128:0:*:65535,8:mss,ws,sok,eol+2:df,id+:0
sig   = 6:128:0:*:65535,8:mss,ws,sok,eol+2:flow:0
sig   = *:128:0:*:mss*44,8:mss,ws,sok,eol+2:df,id+:0
sig   = 6:128:0:*:mss*44,8:mss,ws,sok,eol+2:flow:0
sig   = *:64:0:*:65535,8:mss,ws,sok,eol+2:df,id+:0
sig   = 6:64:0:*:65535,8:mss,ws,sok,eol+2:flow:0
sig   = *:64:0:*:mss*44,8:mss,ws,sok,eol+2:df,id+:0
sig   = 6:64:0:*:mss*44,8:mss,ws,sok,eol+2:flow:0

; --- Apple ---

; collected: 65535, scales 5 to 7, id 0 or not, with and without ECN, from Macs and iPhones alike: nothing in a SYN
; tells them apart. Scale 8 and IPv6 are derived; the end of the options (eol and one byte) is Apple's alone.

label = s:unix:macOS or iOS:
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
;; seen Windows=0 Apple=162 Linux=0
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0
;; seen Windows=0 Apple=69 Linux=0
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
;; seen Windows=0 Apple=28 Linux=0
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+,ecn:0
;; seen Windows=0 Apple=7 Linux=0
sig   = 6:64:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = 6:64:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:ecn,flow:0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
;; seen Windows=0 Apple=293 Linux=0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0
;; seen Windows=0 Apple=188 Linux=0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
;; seen Windows=0 Apple=35 Linux=0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+,ecn:0
;; seen Windows=0 Apple=12 Linux=0
sig   = 6:64:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = 6:64:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:ecn,flow:0
sig   = *:64:0:*:65535,7:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
;; seen Windows=0 Apple=7 Linux=0
sig   = *:64:0:*:65535,7:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0
sig   = *:64:0:*:65535,7:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = *:64:0:*:65535,7:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+,ecn:0
sig   = 6:64:0:*:65535,7:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = 6:64:0:*:65535,7:mss,nop,ws,nop,nop,ts,sok,eol+1:ecn,flow:0
sig   = *:64:0:*:65535,8:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:64:0:*:65535,8:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0
sig   = *:64:0:*:65535,8:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = *:64:0:*:65535,8:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+,ecn:0
sig   = 6:64:0:*:65535,8:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = 6:64:0:*:65535,8:mss,nop,ws,nop,nop,ts,sok,eol+1:ecn,flow:0

; documented: Mac OS X up to 10.8 scales by 0, 1 or 3, 10.9 and 10.10 by 4, early iOS by 2; they number their
; packets.

label = s:unix:macOS or iOS:2014 or earlier
sig   = *:64:0:*:65535,0:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = *:64:0:*:65535,0:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = 6:64:0:*:65535,0:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:64:0:*:65535,1:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = *:64:0:*:65535,1:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = 6:64:0:*:65535,1:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:64:0:*:65535,2:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = *:64:0:*:65535,2:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = 6:64:0:*:65535,2:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:64:0:*:65535,3:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = *:64:0:*:65535,3:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = 6:64:0:*:65535,3:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:64:0:*:65535,4:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = *:64:0:*:65535,4:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = 6:64:0:*:65535,4:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0

; documented: Mac OS X up to 10.3, before it knew SACK.

label = s:unix:macOS or iOS:2005 or earlier
sig   = *:64:0:*:65535,0:mss,nop,ws,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:65535,0:mss,nop,ws,nop,nop,ts:flow:0
sig   = *:64:0:*:33304,0:mss,nop,ws,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:33304,0:mss,nop,ws,nop,nop,ts:flow:0
sig   = *:64:0:*:32768,0:mss,nop,ws,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:32768,0:mss,nop,ws,nop,nop,ts:flow:0

; collected: the same SYN with a TTL of 255, 128 or 32. Over IPv6 the hop limit is the router's advice.

label = s:unix:macOS or iOS:TTL rewritten
sig   = 4:255:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
;; seen Windows=0 Apple=30 Linux=0
sig   = 4:255:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0
;; seen Windows=0 Apple=10 Linux=0
sig   = 4:255:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
;; seen Windows=0 Apple=3 Linux=0
sig   = 4:255:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+,ecn:0
;; seen Windows=0 Apple=2 Linux=0
sig   = 4:128:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = 4:128:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0
sig   = 4:128:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
;; seen Windows=0 Apple=2 Linux=0
sig   = 4:128:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+,ecn:0
;; seen Windows=0 Apple=2 Linux=0
sig   = 4:32:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
;; seen Windows=0 Apple=2 Linux=0

label = s:unix:macOS or iOS:
sig   = 6:255:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1::0
sig   = 6:255:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:ecn:0
sig   = 6:255:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = 6:255:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:ecn,flow:0
sig   = 6:128:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1::0
sig   = 6:128:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:ecn:0
sig   = 6:128:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = 6:128:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:ecn,flow:0
sig   = 6:32:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1::0
sig   = 6:32:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:ecn:0
sig   = 6:32:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = 6:32:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:ecn,flow:0

; collected: an Apple SYN whose timestamps a carrier or VPN replaced by nops or took out, some without the nops or
; the scale too. The rest of the layout is still Apple's.

label = s:unix:macOS or iOS:timestamps blanked
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df:0
;; seen Windows=0 Apple=9 Linux=0
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,ecn:0
;; seen Windows=0 Apple=3 Linux=0
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,id+:0
sig   = 6:64:0:*:65535,5:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:flow:0
sig   = 6:64:0:*:65535,5:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:ecn,flow:0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df:0
;; seen Windows=0 Apple=19 Linux=0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,ecn:0
;; seen Windows=0 Apple=10 Linux=0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,id+:0
sig   = 6:64:0:*:65535,6:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:flow:0
sig   = 6:64:0:*:65535,6:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:ecn,flow:0
sig   = *:64:0:*:65535,7:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df:0
sig   = *:64:0:*:65535,7:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,ecn:0
sig   = *:64:0:*:65535,7:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,id+:0
sig   = 6:64:0:*:65535,7:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:flow:0
sig   = 6:64:0:*:65535,7:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:ecn,flow:0
sig   = *:64:0:*:65535,5:mss,nop,ws,sok,eol+1:df:0
;; seen Windows=0 Apple=12 Linux=0
sig   = *:64:0:*:65535,5:mss,nop,ws,sok,eol+1:df,ecn:0
;; seen Windows=0 Apple=2 Linux=0
sig   = *:64:0:*:65535,5:mss,nop,ws,sok,eol+1:df,id+:0
sig   = 6:64:0:*:65535,5:mss,nop,ws,sok,eol+1:flow:0
sig   = 6:64:0:*:65535,5:mss,nop,ws,sok,eol+1:ecn,flow:0
sig   = *:64:0:*:65535,6:mss,nop,ws,sok,eol+1:df:0
;; seen Windows=0 Apple=13 Linux=0
sig   = *:64:0:*:65535,6:mss,nop,ws,sok,eol+1:df,ecn:0
;; seen Windows=0 Apple=6 Linux=0
sig   = *:64:0:*:65535,6:mss,nop,ws,sok,eol+1:df,id+:0
sig   = 6:64:0:*:65535,6:mss,nop,ws,sok,eol+1:flow:0
sig   = 6:64:0:*:65535,6:mss,nop,ws,sok,eol+1:ecn,flow:0
sig   = *:64:0:*:65535,7:mss,nop,ws,sok,eol+1:df:0
sig   = *:64:0:*:65535,7:mss,nop,ws,sok,eol+1:df,ecn:0
sig   = *:64:0:*:65535,7:mss,nop,ws,sok,eol+1:df,id+:0
sig   = 6:64:0:*:65535,7:mss,nop,ws,sok,eol+1:flow:0
sig   = 6:64:0:*:65535,7:mss,nop,ws,sok,eol+1:ecn,flow:0
sig   = *:64:0:*:65535,*:mss,nop,ws,sok,eol+1:df:0
sig   = 6:64:0:*:65535,*:mss,nop,ws,sok,eol+1:flow:0
sig   = *:255:0:*:65535,5:mss,nop,ws,sok,eol+1:df,id+:0
sig   = *:255:0:*:65535,5:mss,nop,ws,sok,eol+1:df:0
sig   = 6:255:0:*:65535,5:mss,nop,ws,sok,eol+1:flow:0
sig   = *:255:0:*:65535,6:mss,nop,ws,sok,eol+1:df,id+:0
sig   = *:255:0:*:65535,6:mss,nop,ws,sok,eol+1:df:0
sig   = 6:255:0:*:65535,6:mss,nop,ws,sok,eol+1:flow:0
sig   = *:255:0:*:65535,7:mss,nop,ws,sok,eol+1:df,id+:0
sig   = *:255:0:*:65535,7:mss,nop,ws,sok,eol+1:df:0
sig   = 6:255:0:*:65535,7:mss,nop,ws,sok,eol+1:flow:0
sig   = *:64:0:*:65535,5:mss,ws,sok,eol+2:df:0
sig   = 6:64:0:*:65535,5:mss,ws,sok,eol+2:flow:0
sig   = *:64:0:*:65535,6:mss,ws,sok,eol+2:df:0
sig   = 6:64:0:*:65535,6:mss,ws,sok,eol+2:flow:0
sig   = *:64:0:*:65535,7:mss,ws,sok,eol+2:df:0
;; seen Windows=0 Apple=5 Linux=0
sig   = 6:64:0:*:65535,7:mss,ws,sok,eol+2:flow:0
sig   = *:64:0:*:65535,0:mss,sok,eol+1:df:0
;; seen Windows=0 Apple=3 Linux=0
sig   = 6:64:0:*:65535,0:mss,sok,eol+1:flow:0
sig   = *:64:0:*:65535,5:mss,sok,nop,nop,nop,ws:df:0
;; seen Windows=0 Apple=2 Linux=0
sig   = 6:64:0:*:65535,5:mss,sok,nop,nop,nop,ws:flow:0

; derived: the SACK or scale option blanked or taken out instead, or everything behind the scale.

label = s:unix:macOS or iOS:options blanked
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,nop,nop,eol+1:df:0
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,nop,nop,eol+1:df,id+:0
sig   = 6:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,nop,nop,eol+1:flow:0
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,eol+1:df:0
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,eol+1:df,id+:0
sig   = 6:64:0:*:65535,*:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,eol+1:flow:0
sig   = *:64:0:*:65535,*:mss,nop,nop,nop,nop,nop,nop,ts,sok,eol+1:df:0
sig   = *:64:0:*:65535,*:mss,nop,nop,nop,nop,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 6:64:0:*:65535,*:mss,nop,nop,nop,nop,nop,nop,ts,sok,eol+1:flow:0
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,nop,nop:df:0
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,nop,nop:df,id+:0
sig   = 6:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,nop,nop:flow:0
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,ts:df:0
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:65535,5:mss,nop,ws,nop,nop,ts:flow:0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,ts:df:0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:65535,6:mss,nop,ws,nop,nop,ts:flow:0
sig   = *:64:0:*:65535,7:mss,nop,ws,nop,nop,ts:df:0
sig   = *:64:0:*:65535,7:mss,nop,ws,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:65535,7:mss,nop,ws,nop,nop,ts:flow:0
sig   = *:64:0:*:65535,0:mss,nop,nop,ts,sok,eol+1:df:0
sig   = *:64:0:*:65535,0:mss,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 6:64:0:*:65535,0:mss,nop,nop,ts,sok,eol+1:flow:0

; documented: Apple's published kernel writes Multipath TCP (option 30) before the timestamps, and TCP Fast Open
; (option 34) last, in place of the padding. The other two orders are derived.

label = s:unix:macOS or iOS:Multipath TCP
sig   = *:64:0:*:65535,*:mss,nop,ws,?30,nop,nop,ts,sok,eol+1:df:*
sig   = *:64:0:*:65535,*:mss,nop,ws,?30,nop,nop,ts,sok,eol+1:df,id+:*
sig   = 6:64:0:*:65535,*:mss,nop,ws,?30,nop,nop,ts,sok,eol+1:flow:*
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,?30,eol+1:df:*
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,?30,eol+1:df,id+:*
sig   = 6:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,?30,eol+1:flow:*
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,?30,sok,eol+1:df:*
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,?30,sok,eol+1:df,id+:*
sig   = 6:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,?30,sok,eol+1:flow:*

label = s:unix:macOS or iOS:TCP Fast Open
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,?34:df:*
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,?34:df,id+:*
sig   = 6:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,?34:flow:*
sig   = *:64:0:*:65535,*:mss,nop,ws,?30,nop,nop,ts,sok,?34:df:*
sig   = *:64:0:*:65535,*:mss,nop,ws,?30,nop,nop,ts,sok,?34:df,id+:*
sig   = 6:64:0:*:65535,*:mss,nop,ws,?30,nop,nop,ts,sok,?34:flow:*

; --- Android ---

; collected: 65535 with scales 5 to 10 and 12 (11 is derived), with and without ECN. Documented: Android raises the
; initial receive window, so that 65535 is reached where Linux stops at a multiple of the MSS. Observed: a Linux
; whose tcp_rmem default is raised to 6 MB sends 65535 too.

label = s:unix:Android:
sig   = *:64:0:*:65535,5:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=2
sig   = *:64:0:*:65535,5:mss,sok,ts,nop,ws:df:0
sig   = *:64:0:*:65535,5:mss,sok,ts,nop,ws:df,id+,ecn:0
sig   = *:64:0:*:65535,5:mss,sok,ts,nop,ws:df,ecn:0
sig   = 6:64:0:*:65535,5:mss,sok,ts,nop,ws:flow:0
sig   = 6:64:0:*:65535,5:mss,sok,ts,nop,ws:ecn,flow:0
sig   = *:64:0:*:65535,6:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=32
sig   = *:64:0:*:65535,6:mss,sok,ts,nop,ws:df:0
sig   = *:64:0:*:65535,6:mss,sok,ts,nop,ws:df,id+,ecn:0
sig   = *:64:0:*:65535,6:mss,sok,ts,nop,ws:df,ecn:0
sig   = 6:64:0:*:65535,6:mss,sok,ts,nop,ws:flow:0
sig   = 6:64:0:*:65535,6:mss,sok,ts,nop,ws:ecn,flow:0
sig   = *:64:0:*:65535,7:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=52
sig   = *:64:0:*:65535,7:mss,sok,ts,nop,ws:df:0
;; seen Windows=0 Apple=0 Linux=6
sig   = *:64:0:*:65535,7:mss,sok,ts,nop,ws:df,id+,ecn:0
sig   = *:64:0:*:65535,7:mss,sok,ts,nop,ws:df,ecn:0
sig   = 6:64:0:*:65535,7:mss,sok,ts,nop,ws:flow:0
sig   = 6:64:0:*:65535,7:mss,sok,ts,nop,ws:ecn,flow:0
sig   = *:64:0:*:65535,8:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=178
sig   = *:64:0:*:65535,8:mss,sok,ts,nop,ws:df:0
;; seen Windows=0 Apple=0 Linux=32
sig   = *:64:0:*:65535,8:mss,sok,ts,nop,ws:df,id+,ecn:0
;; seen Windows=0 Apple=0 Linux=6
sig   = *:64:0:*:65535,8:mss,sok,ts,nop,ws:df,ecn:0
;; seen Windows=0 Apple=0 Linux=4
sig   = 6:64:0:*:65535,8:mss,sok,ts,nop,ws:flow:0
sig   = 6:64:0:*:65535,8:mss,sok,ts,nop,ws:ecn,flow:0
sig   = *:64:0:*:65535,9:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=176
sig   = *:64:0:*:65535,9:mss,sok,ts,nop,ws:df:0
;; seen Windows=0 Apple=0 Linux=41
sig   = *:64:0:*:65535,9:mss,sok,ts,nop,ws:df,id+,ecn:0
;; seen Windows=0 Apple=0 Linux=9
sig   = *:64:0:*:65535,9:mss,sok,ts,nop,ws:df,ecn:0
;; seen Windows=0 Apple=0 Linux=5
sig   = 6:64:0:*:65535,9:mss,sok,ts,nop,ws:flow:0
sig   = 6:64:0:*:65535,9:mss,sok,ts,nop,ws:ecn,flow:0
sig   = *:64:0:*:65535,10:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=124
sig   = *:64:0:*:65535,10:mss,sok,ts,nop,ws:df:0
;; seen Windows=0 Apple=0 Linux=35
sig   = *:64:0:*:65535,10:mss,sok,ts,nop,ws:df,id+,ecn:0
;; seen Windows=0 Apple=0 Linux=4
sig   = *:64:0:*:65535,10:mss,sok,ts,nop,ws:df,ecn:0
;; seen Windows=0 Apple=0 Linux=4
sig   = 6:64:0:*:65535,10:mss,sok,ts,nop,ws:flow:0
sig   = 6:64:0:*:65535,10:mss,sok,ts,nop,ws:ecn,flow:0
sig   = *:64:0:*:65535,11:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:65535,11:mss,sok,ts,nop,ws:df:0
sig   = *:64:0:*:65535,11:mss,sok,ts,nop,ws:df,id+,ecn:0
sig   = *:64:0:*:65535,11:mss,sok,ts,nop,ws:df,ecn:0
sig   = 6:64:0:*:65535,11:mss,sok,ts,nop,ws:flow:0
sig   = 6:64:0:*:65535,11:mss,sok,ts,nop,ws:ecn,flow:0
sig   = *:64:0:*:65535,12:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=36
sig   = *:64:0:*:65535,12:mss,sok,ts,nop,ws:df:0
;; seen Windows=0 Apple=0 Linux=4
sig   = *:64:0:*:65535,12:mss,sok,ts,nop,ws:df,id+,ecn:0
sig   = *:64:0:*:65535,12:mss,sok,ts,nop,ws:df,ecn:0
sig   = 6:64:0:*:65535,12:mss,sok,ts,nop,ws:flow:0
sig   = 6:64:0:*:65535,12:mss,sok,ts,nop,ws:ecn,flow:0

; collected: timestamps replaced by as many nops, mostly on mobile networks. The rest is still Linux's layout with
; Android's window.

label = s:unix:Android:timestamps blanked
sig   = *:64:0:*:65535,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=81
sig   = *:64:0:*:65535,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df:0
;; seen Windows=0 Apple=0 Linux=4
sig   = 6:64:0:*:65535,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:flow:0
sig   = *:255:0:*:65535,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df,id+:0
sig   = *:255:0:*:65535,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df,id+,ecn:0
;; seen Windows=0 Apple=0 Linux=2
sig   = 6:255:0:*:65535,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:flow:0
sig   = 6:255:0:*:65535,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:ecn,flow:0

; derived: other options blanked.

label = s:unix:Android:options blanked
sig   = *:64:0:*:65535,*:mss,sok,ts,nop,nop,nop,nop:df,id+:0
sig   = *:64:0:*:65535,*:mss,sok,ts,nop,nop,nop,nop:df:0
sig   = 6:64:0:*:65535,*:mss,sok,ts,nop,nop,nop,nop:flow:0
sig   = *:64:0:*:65535,*:mss,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df,id+:0
sig   = *:64:0:*:65535,*:mss,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df:0
sig   = 6:64:0:*:65535,*:mss,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:flow:0
sig   = *:64:0:*:65535,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop:df,id+:0
sig   = *:64:0:*:65535,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop:df:0
sig   = 6:64:0:*:65535,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop:flow:0

; documented: TCP Fast Open asking for a cookie, or sending one with data (option 34).

label = s:unix:Android:TCP Fast Open
sig   = *:64:0:*:65535,*:mss,sok,ts,nop,ws,?34,nop,nop:df,id+:*
sig   = 6:64:0:*:65535,*:mss,sok,ts,nop,ws,?34,nop,nop:flow:*

; --- Linux or Android ---

; documented: Google's servers, which open connections for others (its prefetch proxy, image proxy, VPN), send Android's
; window with a TTL of 128 and an id of 0. IPv6 has no id, so that there the hop limit alone tells.

label = s:other:Proxy or VPN:Google
sig   = *:128:0:*:65535,8:mss,sok,ts,nop,ws:df:0
sig   = 6:128:0:*:65535,8:mss,sok,ts,nop,ws:flow:0

; collected: Android's window with an initial TTL of 255 or 128, which mobile networks and cloud hosts write, and
; with its timestamps taken out and padded: up to half of the senders say that they are a Linux.

label = s:unix:Linux:or Android
sig   = *:255:0:*:65535,*:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=32
sig   = *:255:0:*:65535,*:mss,sok,ts,nop,ws:df:0
;; seen Windows=1 Apple=3 Linux=102
sig   = *:255:0:*:65535,*:mss,sok,ts,nop,ws:df,id+,ecn:0
;; seen Windows=0 Apple=0 Linux=4
sig   = *:255:0:*:65535,*:mss,sok,ts,nop,ws:df,ecn:0
;; seen Windows=0 Apple=0 Linux=13
sig   = 6:255:0:*:65535,*:mss,sok,ts,nop,ws:flow:0
sig   = 6:255:0:*:65535,*:mss,sok,ts,nop,ws:ecn,flow:0
sig   = *:128:0:*:65535,*:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=10
sig   = *:128:0:*:65535,*:mss,sok,ts,nop,ws:df:0
;; seen Windows=1 Apple=1 Linux=1
sig   = *:128:0:*:65535,*:mss,sok,ts,nop,ws:df,id+,ecn:0
sig   = *:128:0:*:65535,*:mss,sok,ts,nop,ws:df,ecn:0
sig   = 6:128:0:*:65535,*:mss,sok,ts,nop,ws:flow:0
sig   = 6:128:0:*:65535,*:mss,sok,ts,nop,ws:ecn,flow:0
sig   = *:64:0:*:65535,6:mss,sok,nop,nop,nop,ws:df,id+:0
sig   = 6:64:0:*:65535,6:mss,sok,nop,nop,nop,ws:flow:0
sig   = *:64:0:*:65535,7:mss,sok,nop,nop,nop,ws:df,id+:0
sig   = 6:64:0:*:65535,7:mss,sok,nop,nop,nop,ws:flow:0
sig   = *:64:0:*:65535,8:mss,sok,nop,nop,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=22
sig   = 6:64:0:*:65535,8:mss,sok,nop,nop,nop,ws:flow:0
sig   = *:64:0:*:65535,9:mss,sok,nop,nop,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=22
sig   = 6:64:0:*:65535,9:mss,sok,nop,nop,nop,ws:flow:0
sig   = *:64:0:*:65535,10:mss,sok,nop,nop,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=12
sig   = 6:64:0:*:65535,10:mss,sok,nop,nop,nop,ws:flow:0
sig   = *:64:0:*:65535,11:mss,sok,nop,nop,nop,ws:df,id+:0
sig   = 6:64:0:*:65535,11:mss,sok,nop,nop,nop,ws:flow:0
sig   = *:64:0:*:65535,12:mss,sok,nop,nop,nop,ws:df,id+:0
sig   = 6:64:0:*:65535,12:mss,sok,nop,nop,nop,ws:flow:0
sig   = *:64:0:*:65535,6:mss,sok,nop,ws,eol+1:df,id+:0
sig   = 6:64:0:*:65535,6:mss,sok,nop,ws,eol+1:flow:0
sig   = *:64:0:*:65535,7:mss,sok,nop,ws,eol+1:df,id+:0
sig   = 6:64:0:*:65535,7:mss,sok,nop,ws,eol+1:flow:0
sig   = *:64:0:*:65535,8:mss,sok,nop,ws,eol+1:df,id+:0
sig   = 6:64:0:*:65535,8:mss,sok,nop,ws,eol+1:flow:0
sig   = *:64:0:*:65535,9:mss,sok,nop,ws,eol+1:df,id+:0
sig   = 6:64:0:*:65535,9:mss,sok,nop,ws,eol+1:flow:0
sig   = *:64:0:*:65535,10:mss,sok,nop,ws,eol+1:df,id+:0
sig   = 6:64:0:*:65535,10:mss,sok,nop,ws,eol+1:flow:0
sig   = *:64:0:*:65535,11:mss,sok,nop,ws,eol+1:df,id+:0
sig   = 6:64:0:*:65535,11:mss,sok,nop,ws,eol+1:flow:0
sig   = *:64:0:*:65535,12:mss,sok,nop,ws,eol+1:df,id+:0
sig   = 6:64:0:*:65535,12:mss,sok,nop,ws,eol+1:flow:0

; derived: timestamps and nops taken out.

label = s:unix:Linux:or Android
sig   = *:64:0:*:65535,*:mss,sok,ws,eol+2:df,id+:0
sig   = 6:64:0:*:65535,*:mss,sok,ws,eol+2:flow:0
sig   = *:64:0:*:mss*44,*:mss,sok,ws,eol+2:df,id+:0
sig   = 6:64:0:*:mss*44,*:mss,sok,ws,eol+2:flow:0
sig   = *:64:0:*:mss*45,*:mss,sok,ws,eol+2:df,id+:0
sig   = 6:64:0:*:mss*45,*:mss,sok,ws,eol+2:flow:0
sig   = *:64:0:*:mss*46,*:mss,sok,ws,eol+2:df,id+:0
sig   = 6:64:0:*:mss*46,*:mss,sok,ws,eol+2:flow:0
sig   = *:64:0:*:mss*47,*:mss,sok,ws,eol+2:df,id+:0
sig   = 6:64:0:*:mss*47,*:mss,sok,ws,eol+2:flow:0
sig   = *:64:0:*:mss*48,*:mss,sok,ws,eol+2:df,id+:0
sig   = 6:64:0:*:mss*48,*:mss,sok,ws,eol+2:flow:0

; collected: 29 segments with scales 8 to 10, 33 of 1300 bytes with scale 12. Observed: Linux 6.18 sends 29 segments
; of 1460 bytes, 30 of 1440, 31 of 1400, 33 of 1300 (the largest multiple below 43690) when the tcp_rmem default is
; 87380, that of kernels before 4.20.

label = s:unix:Linux:or Android
sig   = *:64:0:*:mss*29,8:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=8
sig   = 6:64:0:*:mss*29,8:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*29,9:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=6
sig   = 6:64:0:*:mss*29,9:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*29,10:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=4
sig   = 6:64:0:*:mss*29,10:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*30,8:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*30,8:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*30,9:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*30,9:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*30,10:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=2
sig   = 6:64:0:*:mss*30,10:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*31,8:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*31,8:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*31,9:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=2
sig   = 6:64:0:*:mss*31,9:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*31,10:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=3
sig   = 6:64:0:*:mss*31,10:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*32,8:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*32,8:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*32,9:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*32,9:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*32,10:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*32,10:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*33,8:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*33,8:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*33,9:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*33,9:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*33,10:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*33,10:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:1300:mss*33,12:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=1
sig   = 6:64:0:1280:mss*33,12:mss,sok,ts,nop,ws:flow:0
sig   = 6:64:0:1280:mss*34,12:mss,sok,ts,nop,ws::0
sig   = 6:64:0:1280:mss*34,12:mss,sok,ts,nop,ws:flow:0

; collected: SACK and timestamps behind the scale, each after nops of its own; also without DF. It is DragonFly's
; layout, but not its window.

label = s:unix:Linux:or Android
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,sok,nop,nop,ts:df,id+:0
;; seen Windows=0 Apple=0 Linux=8
sig   = 6:64:0:*:65535,*:mss,nop,ws,nop,nop,sok,nop,nop,ts:flow:0
sig   = *:64:0:*:mss*29,*:mss,nop,ws,nop,nop,sok,nop,nop,ts:df,id+:0
;; seen Windows=0 Apple=0 Linux=2
sig   = 6:64:0:*:mss*29,*:mss,nop,ws,nop,nop,sok,nop,nop,ts:flow:0
sig   = *:64:0:*:mss*44,*:mss,nop,ws,nop,nop,sok,nop,nop,ts:df,id+:0
;; seen Windows=0 Apple=0 Linux=2
sig   = 6:64:0:*:mss*44,*:mss,nop,ws,nop,nop,sok,nop,nop,ts:flow:0
sig   = 4:64:0:*:65535,*:mss,nop,ws,nop,nop,sok,nop,nop,ts::0
sig   = 4:64:0:*:mss*44,*:mss,nop,ws,nop,nop,sok,nop,nop,ts::0

; --- Linux before 4.20 ---

; documented: the window is 20 segments from 3.11 on, 10 from 3.0 on (2.6.39), 4 before, 22 or 11 in 2.2; on
; loopback it follows the MTU, on jumbo Ethernet it is the largest multiple of the MSS below 29200. Handsets of that
; time set the receive buffer. The scales are those that these kernels choose by themselves; with others, see below.

label = s:unix:Linux:3.11 to 4.19
sig   = *:64:0:*:mss*20,7:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=2 Apple=2 Linux=35
sig   = 6:64:0:*:mss*20,7:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*20,10:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*20,10:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:65495:43690,*:mss,sok,ts,nop,ws:df,id+:0

label = s:unix:Linux:4.19 or older, jumbo Ethernet
sig   = *:64:0:8961:mss*3,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:8941:mss*3,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:8941:mss*3,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:8921:mss*3,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:8941:26883,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:8921:26883,*:mss,sok,ts,nop,ws:flow:0

label = s:unix:Linux:or Android, 2013 or earlier
sig   = *:64:0:*:mss*44,1:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*44,1:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*44,3:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*44,3:mss,sok,ts,nop,ws:flow:0

label = s:unix:Linux:3.0 to 3.10
sig   = *:64:0:*:mss*10,4:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*10,4:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*10,5:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*10,5:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*10,6:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=10
sig   = 6:64:0:*:mss*10,6:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*10,7:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=1 Apple=0 Linux=1
sig   = 6:64:0:*:mss*10,7:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*10,8:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*10,8:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*10,9:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*10,9:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*10,10:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*10,10:mss,sok,ts,nop,ws:flow:0

label = s:unix:Linux:2.6
sig   = *:64:0:*:mss*4,5:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*4,5:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*4,6:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*4,6:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*4,7:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*4,7:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*4,8:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*4,8:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:16396:mss*2,*:mss,sok,ts,nop,ws:df,id+:0

label = s:unix:Linux:2.4 or 2.6
sig   = *:64:0:*:mss*4,0:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*4,0:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*4,1:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=1 Linux=1
sig   = 6:64:0:*:mss*4,1:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*4,2:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=2 Apple=0 Linux=1
sig   = 6:64:0:*:mss*4,2:mss,sok,ts,nop,ws:flow:0

label = s:unix:Linux:2.2
sig   = *:64:0:*:mss*22,0:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*22,0:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*20,0:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*20,0:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*11,0:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*11,0:mss,sok,ts,nop,ws:flow:0

; --- Proxies and VPNs with Linux's layout ---

; collected, from every system: 29 to 32 segments with another scale than a handset's; 4, 10 and 20 segments with a
; scale that those kernels do not choose by themselves; 44 segments with scales 11 and 13. Derived: 44 to 48
; segments with another scale under 5 than SO_RCVBUF makes, and the scales 5, 11, 13 and 14 with any window that is
; not named above. Somebody set the receive buffer of these servers.

label = s:other:Proxy or VPN:tuned server
sig   = *:64:0:*:mss*4,*:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=1 Apple=2 Linux=3
sig   = 6:64:0:*:mss*4,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*10,*:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=5 Apple=2 Linux=6
sig   = 6:64:0:*:mss*10,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*20,*:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=1 Apple=2 Linux=3
sig   = 6:64:0:*:mss*20,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*29,*:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=4 Apple=2 Linux=10
sig   = 6:64:0:*:mss*29,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*30,6:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*30,6:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*30,7:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=1 Apple=2 Linux=3
sig   = 6:64:0:*:mss*30,7:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*30,12:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*30,12:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*31,12:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=1 Apple=1 Linux=1
sig   = 6:64:0:*:mss*31,12:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*32,12:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=1 Apple=0 Linux=1
sig   = 6:64:0:*:mss*32,12:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*33,12:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*33,12:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*44,0:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*44,0:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*44,2:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*44,2:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*44,4:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*44,4:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*45,0:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*45,0:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*45,2:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*45,2:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*45,4:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*45,4:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*46,0:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*46,0:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*46,2:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*46,2:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*46,4:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*46,4:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*47,0:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*47,0:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*47,2:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*47,2:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*47,4:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*47,4:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*48,0:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*48,0:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*48,2:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*48,2:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*48,4:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*48,4:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:*,5:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:*,5:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:*,11:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=2 Linux=0
sig   = 6:64:0:*:*,11:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:*,13:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=1 Apple=1 Linux=0
sig   = 6:64:0:*:*,13:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:*,14:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:*,14:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:32688,7:mss,sok,ts,nop,ws:df:0
;; seen Windows=2 Apple=3 Linux=2
sig   = 6:64:0:*:32688,7:mss,sok,ts,nop,ws:flow:0

; --- Linux since 4.20 ---

; observed on Linux 6.18: the largest multiple of the MSS below 64 KiB, for every MSS from 8960 to 536; documented:
; since 4.20 (initial receive buffer of 128 KiB). The scale follows the largest receive buffer: 7 up to 6.12, 10
; from 6.16 on, 6 on a small machine, 9 and 12 on plain desktops. Chrome OS sends it with scale 7 (collected).

label = s:unix:Linux:4.20 or newer
sig   = *:64:0:*:mss*44,*:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=7 Apple=6 Linux=87
sig   = 6:64:0:*:mss*44,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*45,*:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=1 Apple=0 Linux=1
sig   = 6:64:0:*:mss*45,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*46,*:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=1
sig   = 6:64:0:*:mss*46,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*47,*:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=2
sig   = 6:64:0:*:mss*47,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*48,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*48,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*49,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*49,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*50,*:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=3
sig   = 6:64:0:*:mss*50,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*51,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*51,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*52,*:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=1
sig   = 6:64:0:*:mss*52,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*53,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*53,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*7,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*7,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*122,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*122,*:mss,sok,ts,nop,ws:flow:0

; documented: instances of Amazon EC2 send Linux's SYN with a TTL of 255 or 127, and MSS 8961 within its jumbo Ethernet;
; collected: 44 segments at TTL 255, from Linux alone.

label = s:unix:Linux:cloud host
sig   = 4:255:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=2
sig   = 6:255:0:1440:mss*45,7:mss,sok,ts,nop,ws::0
sig   = 6:255:0:1440:mss*45,7:mss,sok,ts,nop,ws:flow:0
sig   = 4:128:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:128:0:1440:mss*45,7:mss,sok,ts,nop,ws::0
sig   = 6:128:0:1440:mss*45,7:mss,sok,ts,nop,ws:flow:0
sig   = *:255:0:8961:mss*7,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:255:0:8941:mss*7,*:mss,sok,ts,nop,ws::0
sig   = 6:255:0:8941:mss*7,*:mss,sok,ts,nop,ws:flow:0
sig   = *:128:0:8961:mss*7,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:128:0:8941:mss*7,*:mss,sok,ts,nop,ws::0
sig   = 6:128:0:8941:mss*7,*:mss,sok,ts,nop,ws:flow:0

; observed on Linux 6.18: the loopback interface, MSS 65495 (IPv4) and 65476 (IPv6).

label = s:unix:Linux:4.20 or newer (loopback)
sig   = *:64:0:65495:mss*1,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:65476:mss*1,*:mss,sok,ts,nop,ws::0
sig   = 6:64:0:65476:mss*1,*:mss,sok,ts,nop,ws:flow:0

; documented: 6.6 and 6.7, and kernels with their change backported, send the largest multiple of the MSS below 32
; KiB: 22 segments of 1460 bytes, 23 of 1400.

label = s:unix:Linux:6.6 or 6.7
sig   = *:64:0:*:mss*22,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*22,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*23,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*23,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*24,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*24,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*25,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*25,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*26,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*26,*:mss,sok,ts,nop,ws:flow:0

; observed on Linux 6.18: TCP Fast Open (option 34) and Multipath TCP (option 30) come last, alone and together. The
; SYN carries data if Linux has a cookie, or needs none.

label = s:unix:Linux:TCP Fast Open
sig   = *:64:0:*:*,*:mss,sok,ts,nop,ws,?34,nop,nop:df,id+:*
sig   = 6:64:0:*:*,*:mss,sok,ts,nop,ws,?34,nop,nop:flow:*
sig   = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+:+
sig   = 6:64:0:*:*,*:mss,sok,ts,nop,ws:flow:+

label = s:unix:Linux:Multipath TCP
sig   = *:64:0:*:*,*:mss,sok,ts,nop,ws,?30:df,id+:0
sig   = 6:64:0:*:*,*:mss,sok,ts,nop,ws,?30:flow:0
sig   = *:64:0:*:*,*:mss,sok,ts,nop,ws,?34,nop,nop,?30:df,id+:*
sig   = 6:64:0:*:*,*:mss,sok,ts,nop,ws,?34,nop,nop,?30:flow:*

; observed on Linux 6.18: net.ipv4.tcp_sack and tcp_window_scaling switched off, alone, together and with
; tcp_timestamps. With tcp_timestamps alone switched off, its SYN is the one that relays of every system send.

label = s:unix:Linux:no SACK
sig   = *:64:0:*:*,*:mss,nop,nop,ts,nop,ws:df,id+:0
;; seen Windows=1 Apple=0 Linux=1
sig   = 6:64:0:*:*,*:mss,nop,nop,ts,nop,ws:flow:0

label = s:unix:Linux:no window scaling
sig   = *:64:0:*:mss*44,0:mss,sok,ts:df,id+:0
sig   = 6:64:0:*:mss*44,0:mss,sok,ts:flow:0
sig   = *:64:0:*:mss*45,0:mss,sok,ts:df,id+:0
sig   = 6:64:0:*:mss*45,0:mss,sok,ts:flow:0
sig   = *:64:0:*:mss*46,0:mss,sok,ts:df,id+:0
sig   = 6:64:0:*:mss*46,0:mss,sok,ts:flow:0
sig   = *:64:0:*:mss*47,0:mss,sok,ts:df,id+:0
sig   = 6:64:0:*:mss*47,0:mss,sok,ts:flow:0
sig   = *:64:0:*:mss*48,0:mss,sok,ts:df,id+:0
sig   = 6:64:0:*:mss*48,0:mss,sok,ts:flow:0
sig   = *:64:0:*:mss*7,0:mss,sok,ts:df,id+:0
sig   = 6:64:0:*:mss*7,0:mss,sok,ts:flow:0
sig   = *:64:0:*:mss*20,0:mss,sok,ts:df,id+:0
sig   = 6:64:0:*:mss*20,0:mss,sok,ts:flow:0
sig   = *:64:0:*:mss*10,0:mss,sok,ts:df,id+:0
sig   = 6:64:0:*:mss*10,0:mss,sok,ts:flow:0

label = s:unix:Linux:no timestamps, no SACK
sig   = *:64:0:*:mss*44,*:mss,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*44,*:mss,nop,ws:flow:0
sig   = *:64:0:*:mss*45,*:mss,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*45,*:mss,nop,ws:flow:0
sig   = *:64:0:*:mss*46,*:mss,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*46,*:mss,nop,ws:flow:0
sig   = *:64:0:*:mss*47,*:mss,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*47,*:mss,nop,ws:flow:0
sig   = *:64:0:*:mss*48,*:mss,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*48,*:mss,nop,ws:flow:0
sig   = *:64:0:*:mss*7,*:mss,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*7,*:mss,nop,ws:flow:0
sig   = *:64:0:*:mss*20,*:mss,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*20,*:mss,nop,ws:flow:0
sig   = *:64:0:*:mss*10,*:mss,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*10,*:mss,nop,ws:flow:0

label = s:unix:Linux:no SACK, no scaling
sig   = *:64:0:*:mss*44,0:mss,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:mss*44,0:mss,nop,nop,ts:flow:0
sig   = *:64:0:*:mss*45,0:mss,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:mss*45,0:mss,nop,nop,ts:flow:0
sig   = *:64:0:*:mss*46,0:mss,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:mss*46,0:mss,nop,nop,ts:flow:0
sig   = *:64:0:*:mss*47,0:mss,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:mss*47,0:mss,nop,nop,ts:flow:0
sig   = *:64:0:*:mss*48,0:mss,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:mss*48,0:mss,nop,nop,ts:flow:0
sig   = *:64:0:*:mss*7,0:mss,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:mss*7,0:mss,nop,nop,ts:flow:0
sig   = *:64:0:*:mss*20,0:mss,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:mss*20,0:mss,nop,nop,ts:flow:0
sig   = *:64:0:*:mss*10,0:mss,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:mss*10,0:mss,nop,nop,ts:flow:0
sig   = *:64:0:*:65535,0:mss,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:65535,0:mss,nop,nop,ts:flow:0

; collected: the timestamps of a Linux SYN replaced by nops; derived: other windows and options.

label = s:unix:Linux:timestamps blanked
sig   = *:64:0:*:mss*44,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=4
sig   = *:64:0:*:mss*44,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df:0
sig   = 6:64:0:*:mss*44,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:flow:0
sig   = *:64:0:*:mss*20,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=1
sig   = *:64:0:*:mss*20,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df:0
sig   = 6:64:0:*:mss*20,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:flow:0
sig   = *:64:0:*:mss*10,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df,id+:0
sig   = *:64:0:*:mss*10,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df:0
sig   = 6:64:0:*:mss*10,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:flow:0
sig   = *:64:0:*:mss*44,*:mss,sok,nop,nop,nop,ws:df,id+:0
sig   = *:64:0:*:mss*44,*:mss,sok,nop,nop,nop,ws:df:0
sig   = 6:64:0:*:mss*44,*:mss,sok,nop,nop,nop,ws:flow:0
sig   = *:64:0:*:mss*20,*:mss,sok,nop,nop,nop,ws:df,id+:0
sig   = *:64:0:*:mss*20,*:mss,sok,nop,nop,nop,ws:df:0
sig   = 6:64:0:*:mss*20,*:mss,sok,nop,nop,nop,ws:flow:0
sig   = *:64:0:*:mss*10,*:mss,sok,nop,nop,nop,ws:df,id+:0
sig   = *:64:0:*:mss*10,*:mss,sok,nop,nop,nop,ws:df:0
sig   = 6:64:0:*:mss*10,*:mss,sok,nop,nop,nop,ws:flow:0

; --- BSD and Solaris ---

; documented: FreeBSD 9 and newer scale by 6, pfSense by 7, large buffers (kern.ipc.maxsockbuf) by 10; FreeBSD 7 and
; 8 scale by 3; 4 and 5 send no SACK and a window of 57344. Consoles built on FreeBSD send the same.

label = s:unix:FreeBSD:9 or newer
sig   = *:64:0:*:65535,6:mss,nop,ws,sok,ts:df,id+:0
sig   = *:64:0:*:65535,6:mss,nop,ws,sok,ts:df:0
;; seen Windows=1 Apple=1 Linux=0
sig   = 6:64:0:*:65535,6:mss,nop,ws,sok,ts:flow:0
sig   = *:64:0:*:65535,7:mss,nop,ws,sok,ts:df,id+:0
sig   = *:64:0:*:65535,7:mss,nop,ws,sok,ts:df:0
sig   = 6:64:0:*:65535,7:mss,nop,ws,sok,ts:flow:0
sig   = *:64:0:*:65535,10:mss,nop,ws,sok,ts:df,id+:0
sig   = *:64:0:*:65535,10:mss,nop,ws,sok,ts:df:0
sig   = 6:64:0:*:65535,10:mss,nop,ws,sok,ts:flow:0

label = s:unix:FreeBSD:4 or 5
sig   = *:64:0:*:57344,0:mss,nop,ws,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:57344,0:mss,nop,ws,nop,nop,ts:flow:0
sig   = *:64:0:*:57344,1:mss,nop,ws,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:57344,1:mss,nop,ws,nop,nop,ts:flow:0

label = s:unix:FreeBSD:7 or 8
sig   = *:64:0:*:65535,3:mss,nop,ws,sok,ts:df,id+:0
sig   = 6:64:0:*:65535,3:mss,nop,ws,sok,ts:flow:0

; documented: OpenBSD's 16384 with scale 6 (3 until 5.x, 0 in 3.x).

label = s:unix:OpenBSD:6 or newer
sig   = *:64:0:*:16384,6:mss,nop,nop,sok,nop,ws,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:16384,6:mss,nop,nop,sok,nop,ws,nop,nop,ts:flow:0

label = s:unix:OpenBSD:3 to 5
sig   = *:64:0:*:16384,0:mss,nop,nop,sok,nop,ws,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:16384,0:mss,nop,nop,sok,nop,ws,nop,nop,ts:flow:0
sig   = *:64:0:*:16384,3:mss,nop,nop,sok,nop,ws,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:16384,3:mss,nop,nop,sok,nop,ws,nop,nop,ts:flow:0

; documented: NetBSD pads SACK and timestamps with nops of their own; its window is 32768, its scale follows the
; largest buffer.

label = s:unix:NetBSD:
sig   = *:64:0:*:32768,*:mss,nop,ws,sok,nop,nop,nop,nop,ts:df,id+:0
sig   = *:64:0:*:32768,*:mss,nop,ws,sok,nop,nop,nop,nop,ts:df:0
sig   = 6:64:0:*:32768,*:mss,nop,ws,sok,nop,nop,nop,nop,ts:flow:0

; documented: DragonFly's published kernel writes scale, SACK and timestamps after nops of their own; its window is
; 57344.

label = s:unix:DragonFly BSD:
sig   = *:64:0:*:57344,*:mss,nop,ws,nop,nop,sok,nop,nop,ts:df,id+:0
sig   = *:64:0:*:57344,*:mss,nop,ws,nop,nop,sok,nop,nop,ts:df:0
sig   = 6:64:0:*:57344,*:mss,nop,ws,nop,nop,sok,nop,nop,ts:flow:0

; documented: Solaris 10 starts with 34 segments, Solaris 8 puts the MSS last, Solaris 11 and illumos begin with
; SACK and timestamps.

label = s:unix:Solaris:11 or illumos
sig   = *:64:0:*:*,*:sok,ts,mss,nop,ws:df,id+:0
sig   = *:64:0:*:*,*:sok,ts,mss,nop,ws:df:0
sig   = 6:64:0:*:*,*:sok,ts,mss,nop,ws:flow:0

label = s:unix:Solaris:10
sig   = *:64:0:*:mss*34,0:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:mss*34,0:mss,nop,ws,nop,nop,sok:flow:0

label = s:unix:Solaris:8 or 9
sig   = *:64:0:*:*,*:nop,ws,nop,nop,ts,nop,nop,sok,mss:df,id+:0
sig   = 6:64:0:*:*,*:nop,ws,nop,nop,ts,nop,nop,sok,mss:flow:0

; --- Devices without a general system ---

; documented: lwIP, the stack of ESP8266, ESP32 and other microcontrollers, starts with a TTL of 255 or 64, never
; sets DF, and has a window of four segments by default: of 1436 bytes on the ESP32.

label = s:other:Embedded device:lwIP
sig   = 4:255:0:536:mss*4,0:mss,nop,nop,sok::0
sig   = 4:255:0:536:mss*4,0:mss::0
sig   = 4:255:0:1436:mss*4,0:mss,nop,nop,sok::0
sig   = 4:255:0:1436:mss*4,0:mss::0
sig   = 4:255:0:1440:mss*4,0:mss,nop,nop,sok::0
sig   = 4:255:0:1440:mss*4,0:mss::0
sig   = 4:255:0:1460:mss*4,0:mss,nop,nop,sok::0
sig   = 4:255:0:1460:mss*4,0:mss::0
sig   = 4:64:0:536:mss*4,0:mss,nop,nop,sok::0
sig   = 4:64:0:536:mss*4,0:mss::0
sig   = 4:64:0:1436:mss*4,0:mss,nop,nop,sok::0
sig   = 4:64:0:1436:mss*4,0:mss::0
sig   = 4:64:0:1440:mss*4,0:mss,nop,nop,sok::0
sig   = 4:64:0:1440:mss*4,0:mss::0
sig   = 4:64:0:1460:mss*4,0:mss,nop,nop,sok::0
sig   = 4:64:0:1460:mss*4,0:mss::0

; documented: Nintendo's consoles start with 32768.

label = s:other:Embedded device:game console
sig   = 4:64:0:*:32768,0:mss,nop,nop,sok:df,id+:0
sig   = 4:64:0:*:32768,0:mss,nop,nop,sok::0

; documented: VxWorks and appliances with an old BSD stack send the layouts of old Macs, but without DF.

label = s:other:Embedded device:VxWorks or alike
sig   = 4:64:0:*:*,*:mss,nop,ws,nop,nop,ts::0
sig   = 4:64:0:*:*,0:mss,nop,ws,nop,nop,ts,sok,eol+1::0
sig   = 4:64:0:*:*,1:mss,nop,ws,nop,nop,ts,sok,eol+1::0
sig   = 4:64:0:*:*,2:mss,nop,ws,nop,nop,ts,sok,eol+1::0
sig   = 4:64:0:*:*,3:mss,nop,ws,nop,nop,ts,sok,eol+1::0

; --- Gateways and VPNs that send SYNs of their own ---

; documented: 10 segments without scaling at TTL 255 are F5 BIG-IP's; collected: from every system.

label = s:other:Proxy or VPN:load balancer
sig   = *:255:0:*:mss*10,0:mss,nop,ws,sok,ts:df,id+:0
;; seen Windows=2 Apple=2 Linux=11
sig   = 6:255:0:*:mss*10,0:mss,nop,ws,sok,ts:flow:0

; collected, from every system: FreeBSD's layout with a window that is neither FreeBSD's nor Windows's, or at TTL
; 255; Apple's layout without timestamps but for Apple's window; an MSS alone at TTL 255; 4 segments without scaling
; at TTL 128.

label = s:other:Proxy or VPN:gateway
sig   = *:64:0:*:*,*:mss,nop,ws,sok,ts:df,id+:0
;; seen Windows=7 Apple=19 Linux=23
sig   = *:64:0:*:*,*:mss,nop,ws,sok,ts:df:0
;; seen Windows=1 Apple=2 Linux=6
sig   = *:64:0:*:*,*:mss,nop,ws,sok,ts:df,ecn:0
;; seen Windows=1 Apple=10 Linux=8
sig   = *:64:0:*:*,*:mss,nop,ws,sok,ts:df,id+,ecn:0
sig   = 6:64:0:*:*,*:mss,nop,ws,sok,ts:flow:0
sig   = 6:64:0:*:*,*:mss,nop,ws,sok,ts:ecn,flow:0
sig   = *:255:0:*:*,*:mss,nop,ws,sok,ts:df,id+:0
;; seen Windows=3 Apple=22 Linux=27
sig   = *:255:0:*:*,*:mss,nop,ws,sok,ts:df:0
sig   = *:255:0:*:*,*:mss,nop,ws,sok,ts:df,ecn:0
sig   = *:255:0:*:*,*:mss,nop,ws,sok,ts:df,id+,ecn:0
sig   = 6:255:0:*:*,*:mss,nop,ws,sok,ts:flow:0
sig   = 6:255:0:*:*,*:mss,nop,ws,sok,ts:ecn,flow:0
sig   = *:64:0:*:*,*:mss,nop,ws,sok,eol+1:df,id+:0
;; seen Windows=1 Apple=1 Linux=3
sig   = *:64:0:*:*,*:mss,nop,ws,sok,eol+1:df:0
sig   = 6:64:0:*:*,*:mss,nop,ws,sok,eol+1:flow:0
sig   = *:255:0:*:*,*:mss,nop,ws,sok,eol+1:df,id+:0
;; seen Windows=6 Apple=6 Linux=9
sig   = *:255:0:*:*,*:mss,nop,ws,sok,eol+1:df:0
sig   = 6:255:0:*:*,*:mss,nop,ws,sok,eol+1:flow:0
sig   = *:255:0:*:65535,0:mss:df,id+:0
;; seen Windows=0 Apple=4 Linux=5
sig   = 6:255:0:*:65535,0:mss:flow:0
sig   = *:255:0:*:mss*44,0:mss:df,id+:0
;; seen Windows=2 Apple=0 Linux=0
sig   = 6:255:0:*:mss*44,0:mss:flow:0
sig   = *:255:0:*:mss*45,0:mss:df,id+:0
sig   = 6:255:0:*:mss*45,0:mss:flow:0
sig   = *:255:0:*:mss*46,0:mss:df,id+:0
sig   = 6:255:0:*:mss*46,0:mss:flow:0
sig   = *:255:0:*:mss*47,0:mss:df,id+:0
sig   = 6:255:0:*:mss*47,0:mss:flow:0
sig   = *:255:0:*:mss*48,0:mss:df,id+:0
sig   = 6:255:0:*:mss*48,0:mss:flow:0
sig   = *:255:0:*:mss*49,0:mss:df,id+:0
sig   = 6:255:0:*:mss*49,0:mss:flow:0
sig   = *:255:0:*:mss*50,0:mss:df,id+:0
sig   = 6:255:0:*:mss*50,0:mss:flow:0
sig   = *:255:0:*:mss*51,0:mss:df,id+:0
sig   = 6:255:0:*:mss*51,0:mss:flow:0
sig   = *:255:0:*:mss*52,0:mss:df,id+:0
sig   = 6:255:0:*:mss*52,0:mss:flow:0
sig   = *:255:0:*:mss*53,0:mss:df,id+:0
sig   = 6:255:0:*:mss*53,0:mss:flow:0
sig   = *:128:0:*:mss*4,0:mss,nop,nop,sok:df,id+:0
;; seen Windows=1 Apple=1 Linux=0
sig   = 6:128:0:*:mss*4,0:mss,nop,nop,sok:flow:0

; observed: pasta, the network of rootless containers under Podman, which opens their connections itself and keeps the
; address and the port of whoever connects to them.

label = s:other:Proxy or VPN:user-mode network
sig   = 4:255:0:61440:65535,8:mss,nop,ws:id-:0

; collected, from every system: the layout that several systems are left with once their timestamps are removed.
; Observed: Linux sends it with tcp_timestamps switched off.

label = s:other:Proxy or VPN:no timestamps
sig   = *:64:0:*:*,*:mss,nop,nop,sok,nop,ws:df,id+:0
;; seen Windows=9 Apple=5 Linux=6
sig   = *:64:0:*:*,*:mss,nop,nop,sok,nop,ws:df:0
sig   = *:64:0:*:*,*:mss,nop,nop,sok,nop,ws:df,id+,ecn:0
;; seen Windows=1 Apple=0 Linux=3
sig   = 6:64:0:*:*,*:mss,nop,nop,sok,nop,ws:flow:0
sig   = 6:64:0:*:*,*:mss,nop,nop,sok,nop,ws:ecn,flow:0
sig   = *:255:0:*:*,*:mss,nop,nop,sok,nop,ws:df,id+:0
;; seen Windows=1 Apple=2 Linux=5
sig   = *:255:0:*:*,*:mss,nop,nop,sok,nop,ws:df:0
sig   = *:255:0:*:*,*:mss,nop,nop,sok,nop,ws:df,id+,ecn:0
sig   = 6:255:0:*:*,*:mss,nop,nop,sok,nop,ws:flow:0
sig   = 6:255:0:*:*,*:mss,nop,nop,sok,nop,ws:ecn,flow:0

; --- Last resorts: the layout tells the family, whatever the window ---

; collected: this layout comes from Windows alone, at each TTL.

label = g:win:Windows:
sig   = *:128:0:*:*,*:mss,nop,ws,nop,nop,sok:df,id+:0
;; seen Windows=70 Apple=0 Linux=0
sig   = *:128:0:*:*,*:mss,nop,ws,nop,nop,sok:df:0
;; seen Windows=11 Apple=0 Linux=0
sig   = *:128:0:*:*,*:mss,nop,ws,nop,nop,sok:df,ecn:0
sig   = *:128:0:*:*,*:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:*,*:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:128:0:*:*,*:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = *:64:0:*:*,*:mss,nop,ws,nop,nop,sok:df,id+:0
;; seen Windows=5 Apple=0 Linux=0
sig   = *:64:0:*:*,*:mss,nop,ws,nop,nop,sok:df:0
;; seen Windows=25 Apple=0 Linux=0
sig   = *:64:0:*:*,*:mss,nop,ws,nop,nop,sok:df,ecn:0
;; seen Windows=2 Apple=0 Linux=0
sig   = *:64:0:*:*,*:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
;; seen Windows=5 Apple=0 Linux=0
sig   = 6:64:0:*:*,*:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:64:0:*:*,*:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = *:255:0:*:*,*:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:255:0:*:*,*:mss,nop,ws,nop,nop,sok:df:0
;; seen Windows=22 Apple=0 Linux=0
sig   = *:255:0:*:*,*:mss,nop,ws,nop,nop,sok:df,ecn:0
;; seen Windows=3 Apple=0 Linux=0
sig   = *:255:0:*:*,*:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:255:0:*:*,*:mss,nop,ws,nop,nop,sok:flow:0
sig   = 6:255:0:*:*,*:mss,nop,ws,nop,nop,sok:ecn,flow:0
sig   = *:128:0:*:*,*:mss,nop,ws,sok,ts:df,id+:0
;; seen Windows=5 Apple=0 Linux=0
sig   = *:128:0:*:*,*:mss,nop,ws,sok,ts:df:0
sig   = *:128:0:*:*,*:mss,nop,ws,sok,ts:df,ecn:0
;; seen Windows=3 Apple=0 Linux=0
sig   = *:128:0:*:*,*:mss,nop,ws,sok,ts:df,id+,ecn:0
sig   = 6:128:0:*:*,*:mss,nop,ws,sok,ts:flow:0
sig   = 6:128:0:*:*,*:mss,nop,ws,sok,ts:ecn,flow:0

label = g:win:Windows:no window scaling
sig   = *:128:0:*:*,0:mss,nop,nop,sok:df,id+:0
sig   = *:128:0:*:*,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:*,0:mss,nop,nop,sok:flow:0
sig   = 6:128:0:*:*,0:mss,nop,nop,sok:ecn,flow:0
sig   = *:255:0:*:*,0:mss,nop,nop,sok:df,id+:0
sig   = *:255:0:*:*,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = 6:255:0:*:*,0:mss,nop,nop,sok:flow:0
sig   = 6:255:0:*:*,0:mss,nop,nop,sok:ecn,flow:0
sig   = *:64:0:*:*,0:mss,nop,nop,sok:df,id+:0
sig   = *:64:0:*:*,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = 6:64:0:*:*,0:mss,nop,nop,sok:flow:0
sig   = 6:64:0:*:*,0:mss,nop,nop,sok:ecn,flow:0

; documented: lwIP with another window.

label = g:other:Embedded device:lwIP
sig   = 4:255:0:*:*,0:mss,nop,nop,sok::0
sig   = 4:64:0:*:*,0:mss,nop,nop,sok::0

; derived: the layout that several systems are left with once scale and timestamps are removed; Windows sends no id
; of 0.

label = g:other:Proxy or VPN:options removed
sig   = 4:64:0:*:*,0:mss,nop,nop,sok:df:0

; derived: Linux's layout without scaling, with another window.

label = g:unix:Linux:no window scaling
sig   = *:64:0:*:*,0:mss,sok,ts:df,id+:0
sig   = 6:64:0:*:*,0:mss,sok,ts:flow:0

; derived: Windows with timestamps and without scaling (collected: 8192).

label = g:win:Windows:with timestamps
sig   = *:128:0:*:*,0:mss,sok,ts:df,id+:0
;; seen Windows=2 Apple=0 Linux=0
sig   = 6:128:0:*:*,0:mss,sok,ts:flow:0

; derived: other options of a Windows SYN blanked.

label = g:win:Windows:options blanked
sig   = *:128:0:*:*,*:mss,nop,ws,nop,nop,nop,nop:df,id+:0
sig   = 6:128:0:*:*,*:mss,nop,ws,nop,nop,nop,nop:flow:0
sig   = *:128:0:*:*,*:mss,nop,nop,nop,nop,nop,nop,sok:df,id+:0
sig   = 6:128:0:*:*,*:mss,nop,nop,nop,nop,nop,nop,sok:flow:0
sig   = *:128:0:*:*,*:mss,nop,nop,nop,nop:df,id+:0
sig   = 6:128:0:*:*,*:mss,nop,nop,nop,nop:flow:0

; documented: XP and 2000 with Tcp1323Opts, which begin their timestamps with zero.

label = g:win:Windows:with timestamps
sig   = *:128:0:*:*,*:mss,nop,ws,nop,nop,ts,nop,nop,sok:df,id+:0
sig   = *:128:0:*:*,*:mss,nop,ws,nop,nop,ts,nop,nop,sok:df,id+,ts1-:0
sig   = 6:128:0:*:*,*:mss,nop,ws,nop,nop,ts,nop,nop,sok:flow:0
sig   = 6:128:0:*:*,*:mss,nop,ws,nop,nop,ts,nop,nop,sok:flow,ts1-:0
sig   = *:128:0:*:*,*:mss,nop,nop,ts,nop,nop,sok:df,id+:0
sig   = *:128:0:*:*,*:mss,nop,nop,ts,nop,nop,sok:df,id+,ts1-:0
sig   = 6:128:0:*:*,*:mss,nop,nop,ts,nop,nop,sok:flow:0
sig   = 6:128:0:*:*,*:mss,nop,nop,ts,nop,nop,sok:flow,ts1-:0

; collected: Apple's layout with another window, and the scales of current systems. With smaller scales it is
; FreeBSD's of old, and its appliances'.

label = g:unix:macOS or iOS:
sig   = *:64:0:*:*,4:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:64:0:*:*,4:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 6:64:0:*:*,4:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:64:0:*:*,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
;; seen Windows=0 Apple=4 Linux=0
sig   = *:64:0:*:*,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 6:64:0:*:*,5:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:64:0:*:*,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:64:0:*:*,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 6:64:0:*:*,6:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:64:0:*:*,7:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:64:0:*:*,7:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 6:64:0:*:*,7:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:64:0:*:*,8:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:64:0:*:*,8:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 6:64:0:*:*,8:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:255:0:*:*,4:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:255:0:*:*,4:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 6:255:0:*:*,4:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:255:0:*:*,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:255:0:*:*,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 6:255:0:*:*,5:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:255:0:*:*,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:255:0:*:*,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 6:255:0:*:*,6:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:255:0:*:*,7:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:255:0:*:*,7:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 6:255:0:*:*,7:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:255:0:*:*,8:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:255:0:*:*,8:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 6:255:0:*:*,8:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:64:0:*:*,4:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df:0
sig   = *:64:0:*:*,4:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,id+:0
sig   = 6:64:0:*:*,4:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:flow:0
sig   = *:64:0:*:*,5:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df:0
sig   = *:64:0:*:*,5:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,id+:0
sig   = 6:64:0:*:*,5:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:flow:0
sig   = *:64:0:*:*,6:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df:0
sig   = *:64:0:*:*,6:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,id+:0
sig   = 6:64:0:*:*,6:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:flow:0
sig   = *:64:0:*:*,7:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df:0
sig   = *:64:0:*:*,7:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,id+:0
sig   = 6:64:0:*:*,7:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:flow:0
sig   = *:64:0:*:*,8:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df:0
sig   = *:64:0:*:*,8:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,id+:0
sig   = 6:64:0:*:*,8:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:flow:0

label = g:unix:macOS or iOS:timestamps zeroed
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ts1-:0
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+,ts1-:0
sig   = 6:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:flow,ts1-:0

; observed on Linux 6.18: sockets with an SO_RCVBUF of 64 KiB or less.

label = g:unix:Linux:small receive buffers
sig   = *:64:0:*:*,0:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:*,0:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:*,1:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:*,1:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:*,2:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:*,2:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:*,3:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:*,3:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:*,4:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:*,4:mss,sok,ts,nop,ws:flow:0

; collected: nine in ten senders of this layout with scales 6 to 10 or 12 are a Linux, whatever the window, also at
; the TTL of 255 or 127 that cloud hosts send.

label = g:unix:Linux:or Android
sig   = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=10
sig   = *:64:0:*:*,*:mss,sok,ts,nop,ws:df:0
;; seen Windows=1 Apple=0 Linux=18
sig   = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+,ecn:0
;; seen Windows=0 Apple=1 Linux=0
sig   = 6:64:0:*:*,*:mss,sok,ts,nop,ws:flow:0
sig   = 6:64:0:*:*,*:mss,sok,ts,nop,ws:ecn,flow:0
sig   = *:255:0:*:*,*:mss,sok,ts,nop,ws:df,id+:0
;; seen Windows=0 Apple=0 Linux=1
sig   = *:255:0:*:*,*:mss,sok,ts,nop,ws:df:0
;; seen Windows=0 Apple=0 Linux=5
sig   = *:255:0:*:*,*:mss,sok,ts,nop,ws:df,id+,ecn:0
sig   = 6:255:0:*:*,*:mss,sok,ts,nop,ws:flow:0
sig   = 6:255:0:*:*,*:mss,sok,ts,nop,ws:ecn,flow:0
sig   = *:128:0:*:*,*:mss,sok,ts,nop,ws:df,id+:0
sig   = *:128:0:*:*,*:mss,sok,ts,nop,ws:df:0
sig   = *:128:0:*:*,*:mss,sok,ts,nop,ws:df,id+,ecn:0
sig   = 6:128:0:*:*,*:mss,sok,ts,nop,ws:flow:0
sig   = 6:128:0:*:*,*:mss,sok,ts,nop,ws:ecn,flow:0
sig   = *:64:0:*:*,6:mss,nop,ws,nop,nop,sok,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:*,6:mss,nop,ws,nop,nop,sok,nop,nop,ts:flow:0
sig   = *:64:0:*:*,7:mss,nop,ws,nop,nop,sok,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:*,7:mss,nop,ws,nop,nop,sok,nop,nop,ts:flow:0
sig   = *:64:0:*:*,8:mss,nop,ws,nop,nop,sok,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:*,8:mss,nop,ws,nop,nop,sok,nop,nop,ts:flow:0
sig   = *:64:0:*:*,9:mss,nop,ws,nop,nop,sok,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:*,9:mss,nop,ws,nop,nop,sok,nop,nop,ts:flow:0
sig   = *:64:0:*:*,10:mss,nop,ws,nop,nop,sok,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:*,10:mss,nop,ws,nop,nop,sok,nop,nop,ts:flow:0
sig   = *:64:0:*:*,11:mss,nop,ws,nop,nop,sok,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:*,11:mss,nop,ws,nop,nop,sok,nop,nop,ts:flow:0
sig   = *:64:0:*:*,12:mss,nop,ws,nop,nop,sok,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:*,12:mss,nop,ws,nop,nop,sok,nop,nop,ts:flow:0

; derived: options blanked, or the own timestamp set to zero on the way.

label = g:unix:Linux:options blanked
sig   = *:64:0:*:*,*:mss,sok,ts,nop,nop,nop,nop:df,id+:0
sig   = *:64:0:*:*,*:mss,sok,ts,nop,nop,nop,nop:df:0
sig   = 6:64:0:*:*,*:mss,sok,ts,nop,nop,nop,nop:flow:0
sig   = *:64:0:*:*,*:mss,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df,id+:0
sig   = *:64:0:*:*,*:mss,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df:0
sig   = 6:64:0:*:*,*:mss,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:flow:0
sig   = *:64:0:*:*,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop:df,id+:0
sig   = *:64:0:*:*,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop:df:0
sig   = 6:64:0:*:*,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop:flow:0

label = g:unix:Linux:timestamps blanked
sig   = *:64:0:*:*,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df,id+:0
sig   = 6:64:0:*:*,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:flow:0
sig   = *:64:0:*:*,*:mss,sok,nop,nop,nop,ws:df,id+:0
sig   = 6:64:0:*:*,*:mss,sok,nop,nop,nop,ws:flow:0

label = g:unix:Android:timestamps zeroed
sig   = *:64:0:*:65535,*:mss,sok,ts,nop,ws:df,id+,ts1-:0
sig   = 6:64:0:*:65535,*:mss,sok,ts,nop,ws:flow,ts1-:0

label = g:unix:Linux:timestamps zeroed
sig   = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+,ts1-:0
sig   = 6:64:0:*:*,*:mss,sok,ts,nop,ws:flow,ts1-:0

; documented: OpenBSD's layout with other windows.

label = g:unix:OpenBSD:
sig   = *:64:0:*:*,*:mss,nop,nop,sok,nop,ws,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:*,*:mss,nop,nop,sok,nop,ws,nop,nop,ts:flow:0

; --- Scanners ---

; observed: nmap 7.93 -sS; documented: TTLs drawn from 37 to 59, and windows up to 4096.

label = s:!:Nmap:SYN scan
sys   = @unix,@win
sig   = *:59-:0:1460:1024,0:mss::0
sig   = *:59-:0:1460:2048,0:mss::0
sig   = *:59-:0:1460:3072,0:mss::0
sig   = *:59-:0:1460:4096,0:mss::0

; documented: the probes of nmap's sequence test and its ECN probe. Their acknowledgement number is random, and
; ack+ is seen for one half of all numbers. The one with window 31337 observed.

label = s:!:Nmap:OS detection
sys   = @unix,@win
sig   = *:64-:0:1460:1,10:ws,nop,mss,ts,sok::0
sig   = *:64-:0:1460:1,10:ws,nop,mss,ts,sok:ack+:0
sig   = *:64-:0:1400:63,0:mss,ws,sok,ts,eol+0::0
sig   = *:64-:0:1400:63,0:mss,ws,sok,ts,eol+0:ack+:0
sig   = *:64-:0:640:4,5:ts,nop,nop,ws,nop,mss::0
sig   = *:64-:0:640:4,5:ts,nop,nop,ws,nop,mss:ack+:0
sig   = *:64-:0:0:4,10:sok,ts,ws,eol+0::0
sig   = *:64-:0:0:4,10:sok,ts,ws,eol+0:ack+:0
sig   = *:64-:0:536:16,10:mss,sok,ts,ws,eol+0::0
sig   = *:64-:0:536:16,10:mss,sok,ts,ws,eol+0:ack+:0
sig   = *:64-:0:265:512,0:mss,sok,ts::0
sig   = *:64-:0:265:512,0:mss,sok,ts:ack+:0
sig   = *:64-:0:265:31337,10:ws,nop,mss,ts,sok::0
sig   = *:64-:0:265:31337,10:ws,nop,mss,ts,sok:ack+:0
sig   = *:64-:0:1460:3,10:ws,nop,mss,sok,nop,nop:ecn,uptr+:0

; observed: masscan 1.3.2, no options; documented: other versions send an MSS of 1460.

label = s:!:masscan:
sys   = @unix,@win
sig   = 4:255:0:0:1024,0:::0
sig   = 4:255:0:1460:1024,0:mss::0

; observed: zmap 2.1.1, no options; documented: newer versions send an MSS.

label = s:!:ZMap:
sys   = @unix
sig   = 4:255:0:0:65535,0:::0
sig   = 4:255:0:1460:65535,0:mss::0

; observed: hping 3.0.0, with and without the ack+ its random acknowledgement number gives.

label = s:!:hping:
sys   = @unix
sig   = 4:64:0:0:512,0:::0
sig   = 4:64:0:0:512,0::ack+:0
