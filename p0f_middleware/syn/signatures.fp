; Signatures of TCP SYNs and names of links, in the format of p0f 3.09b (its README, section 5).
;
; How to read it: a label is a family; it names versions only where the shape of the SYN tells them. Specific labels (s)
; rest on a fixed window or on an option layout only one family uses; generic ones (g) on the layout alone, after them.
; Every IPv6 signature comes twice, because p0f takes a flow label for a quirk that must be asked for: "*" lines match
; IPv4, and IPv6 without a flow label; "6:...:flow" lines match IPv6 with one. TTL, id, df and ecn may differ: that is a
; fuzzy match, and among fuzzy matches the first in the file wins.
;
; The system a label names is the sender's of the SYN. Behind a proxy or a VPN that ends TCP connections, that is not the
; user's: what is known for such senders, or was left with too little to tell, is called "Proxy or VPN".
;
; Each group says where its facts come from:
;   observed    seen by this project: a packet that system or tool sent, captured in a network namespace
;   collected   in a public collection of SYNs labelled with the User-Agent of their sender (2021 to 2023)
;   documented  a published default, measurement or source code; no packet was seen by this project
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

; collected: 65535 and 44 segments, scale 8, with and without ECN; documented: from Windows 10 1703 on the window
; is 65535 or a multiple of the MSS close to it, before that 8192.

label = s:win:Windows:10 or 11
sig   = *:128:0:*:65535,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:65535,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:65535,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:128:0:*:mss*44,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:mss*44,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*44,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:128:0:*:mss*45,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:mss*45,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*45,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:128:0:*:mss*46,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:mss*46,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*46,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:128:0:*:mss*47,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:mss*47,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*47,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:128:0:*:mss*48,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:mss*48,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*48,8:mss,nop,ws,nop,nop,sok:flow:0

; collected: 8192 with scale 8 or 2; documented: 8192 without scaling where autotuning is switched off.

label = s:win:Windows:Vista to 10, 8 KB window
sig   = *:128:0:*:8192,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:8192,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:8192,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:128:0:*:8192,2:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:8192,2:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:8192,2:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:128:0:*:8192,0:mss,nop,nop,sok:df,id+:0

; documented: XP and Server 2003 start with 65535, 16384 or 64240 and scale, if at all, by 0 to 2. Windows 10
; sends the same two windows without scaling where autotuning is switched off (collected), so those name no
; version.

label = s:win:Windows:XP
sig   = *:128:0:*:65535,0:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:65535,1:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:65535,2:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:16384,0:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:16384,1:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:16384,2:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:16384,0:mss,nop,nop,sok:df,id+:0

label = s:win:Windows:no window scaling
sig   = *:128:0:*:65535,0:mss,nop,nop,sok:df,id+:0
sig   = *:128:0:*:65535,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:65535,0:mss,nop,nop,sok:flow:0
sig   = *:128:0:*:mss*44,0:mss,nop,nop,sok:df,id+:0
sig   = *:128:0:*:mss*44,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:mss*44,0:mss,nop,nop,sok:flow:0

; collected: the shapes of Windows 7 to 11 with an initial TTL of 64; derived: of 255. VPNs and mobile routers
; write a TTL of their own.

label = s:win:Windows:TTL rewritten
sig   = *:64:0:*:65535,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:65535,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:64:0:*:mss*44,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:mss*44,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:64:0:*:mss*45,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:mss*45,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:64:0:*:mss*46,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:mss*46,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:64:0:*:mss*47,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:mss*47,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:64:0:*:8192,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:8192,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:64:0:*:8192,2:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:255:0:*:65535,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:255:0:*:mss*44,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:255:0:*:mss*45,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:255:0:*:mss*46,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:255:0:*:mss*47,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:255:0:*:8192,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:255:0:*:8192,2:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:64:0:*:8192,0:mss,nop,nop,sok:df,id+:0

; documented: with Tcp1323Opts timestamps come last, as on FreeBSD, which differs by its TTL.

label = s:win:Windows:with timestamps
sig   = *:128:0:*:8192,8:mss,nop,ws,sok,ts:df,id+:0
sig   = *:128:0:*:8192,2:mss,nop,ws,sok,ts:df,id+:0
sig   = *:128:0:*:65535,8:mss,nop,ws,sok,ts:df,id+:0
sig   = *:128:0:*:65535,2:mss,nop,ws,sok,ts:df,id+:0
sig   = *:128:0:*:mss*44,8:mss,nop,ws,sok,ts:df,id+:0
sig   = *:128:0:*:mss*44,2:mss,nop,ws,sok,ts:df,id+:0

; --- Apple ---

; collected: 65535, scales 5 and 6, id 0, with and without ECN, from Macs and iPhones alike: nothing in a SYN
; tells them apart. Scales 7 and up, id other than 0 and IPv6 are derived; the end of the options (eol and one
; byte) is Apple's alone.

label = s:unix:macOS or iOS:
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 6:64:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 6:64:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:64:0:*:65535,7:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:64:0:*:65535,7:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0
sig   = *:64:0:*:65535,7:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 6:64:0:*:65535,7:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:64:0:*:65535,8:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:64:0:*:65535,8:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0
sig   = *:64:0:*:65535,8:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 6:64:0:*:65535,8:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = 6:64:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:ecn,flow:0
sig   = 6:64:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:ecn,flow:0
sig   = 6:64:0:*:65535,7:mss,nop,ws,nop,nop,ts,sok,eol+1:ecn,flow:0
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

; collected: the same SYN with a TTL of 255. Derived: of 128.

label = s:unix:macOS or iOS:TTL rewritten
sig   = *:255:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:255:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0
sig   = *:255:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:255:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0
sig   = *:128:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:128:0:*:65535,5:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0
sig   = *:128:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:128:0:*:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0

; collected: an Apple SYN whose timestamps a carrier or VPN replaced by nops, or took out. The rest of the layout
; still is Apple's. With the two nops before them left in it is Windows' layout, but not its scale, id and TTL
; (derived).

label = s:unix:macOS or iOS:timestamps blanked
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df:0
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,ecn:0
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,id+:0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df:0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,ecn:0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,id+:0
sig   = *:64:0:*:65535,7:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df:0
sig   = *:64:0:*:65535,7:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,ecn:0
sig   = *:64:0:*:65535,7:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,id+:0
sig   = *:64:0:*:65535,5:mss,nop,ws,sok,eol+1:df:0
sig   = *:64:0:*:65535,5:mss,nop,ws,sok,eol+1:df,ecn:0
sig   = *:64:0:*:65535,5:mss,nop,ws,sok,eol+1:df,id+:0
sig   = *:64:0:*:65535,6:mss,nop,ws,sok,eol+1:df:0
sig   = *:64:0:*:65535,6:mss,nop,ws,sok,eol+1:df,ecn:0
sig   = *:64:0:*:65535,6:mss,nop,ws,sok,eol+1:df,id+:0
sig   = *:64:0:*:65535,7:mss,nop,ws,sok,eol+1:df:0
sig   = *:64:0:*:65535,7:mss,nop,ws,sok,eol+1:df,ecn:0
sig   = *:64:0:*:65535,7:mss,nop,ws,sok,eol+1:df,id+:0
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,sok:df:0
sig   = *:64:0:*:65535,5:mss,nop,ws,nop,nop,sok:df,ecn:0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,sok:df:0
sig   = *:64:0:*:65535,6:mss,nop,ws,nop,nop,sok:df,ecn:0
sig   = *:64:0:*:65535,7:mss,nop,ws,nop,nop,sok:df:0
sig   = *:64:0:*:65535,7:mss,nop,ws,nop,nop,sok:df,ecn:0

; derived: the SACK or scale option blanked instead, or everything behind the scale; documented: Multipath TCP
; (option 30) on iOS.

label = s:unix:macOS or iOS:options blanked
sig   = *:64:0:*:*,*:mss,nop,ws,nop,nop,ts,nop,nop,eol+1:df:0
sig   = *:64:0:*:*,*:mss,nop,ws,nop,nop,ts,nop,nop,eol+1:df,id+:0
sig   = *:64:0:*:*,*:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,eol+1:df:0
sig   = *:64:0:*:*,*:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,eol+1:df,id+:0
sig   = *:64:0:*:*,*:mss,nop,nop,nop,nop,nop,nop,ts,sok,eol+1:df:0
sig   = *:64:0:*:*,*:mss,nop,nop,nop,nop,nop,nop,ts,sok,eol+1:df,id+:0
sig   = *:64:0:*:*,*:mss,nop,ws,nop,nop,ts,sok,nop,nop:df:0
sig   = *:64:0:*:*,*:mss,nop,ws,nop,nop,ts,sok,nop,nop:df,id+:0
sig   = *:64:0:*:*,*:mss,nop,ws,nop,nop,ts:df:0
sig   = *:64:0:*:*,*:mss,nop,ws,nop,nop,ts:df,id+:0

label = s:unix:macOS or iOS:Multipath TCP
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,?30,eol+1:df:*
sig   = 6:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,?30,eol+1:flow:*
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,?30,sok,eol+1:df:*
sig   = 6:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,?30,sok,eol+1:flow:*

; --- Android ---

; collected: 65535 with scales 5 to 10 and 12 (11 is derived). Documented: Android raises the initial receive
; window, so that 65535 is reached where Linux stops at a multiple of the MSS. Observed: a Linux whose tcp_rmem
; default is raised to 6 MB sends 65535 too.

label = s:unix:Android:
sig   = *:64:0:*:65535,5:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:65535,5:mss,sok,ts,nop,ws:df:0
sig   = 6:64:0:*:65535,5:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:65535,6:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:65535,6:mss,sok,ts,nop,ws:df:0
sig   = 6:64:0:*:65535,6:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:65535,7:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:65535,7:mss,sok,ts,nop,ws:df:0
sig   = 6:64:0:*:65535,7:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:65535,8:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:65535,8:mss,sok,ts,nop,ws:df:0
sig   = 6:64:0:*:65535,8:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:65535,9:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:65535,9:mss,sok,ts,nop,ws:df:0
sig   = 6:64:0:*:65535,9:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:65535,10:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:65535,10:mss,sok,ts,nop,ws:df:0
sig   = 6:64:0:*:65535,10:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:65535,11:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:65535,11:mss,sok,ts,nop,ws:df:0
sig   = 6:64:0:*:65535,11:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:65535,12:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:65535,12:mss,sok,ts,nop,ws:df:0
sig   = 6:64:0:*:65535,12:mss,sok,ts,nop,ws:flow:0

; collected: the same with an initial TTL of 128 or 255.

label = s:unix:Android:TTL rewritten
sig   = *:128:0:*:65535,5:mss,sok,ts,nop,ws:df,id+:0
sig   = *:128:0:*:65535,5:mss,sok,ts,nop,ws:df:0
sig   = *:128:0:*:65535,6:mss,sok,ts,nop,ws:df,id+:0
sig   = *:128:0:*:65535,6:mss,sok,ts,nop,ws:df:0
sig   = *:128:0:*:65535,7:mss,sok,ts,nop,ws:df,id+:0
sig   = *:128:0:*:65535,7:mss,sok,ts,nop,ws:df:0
sig   = *:128:0:*:65535,8:mss,sok,ts,nop,ws:df,id+:0
sig   = *:128:0:*:65535,8:mss,sok,ts,nop,ws:df:0
sig   = *:128:0:*:65535,9:mss,sok,ts,nop,ws:df,id+:0
sig   = *:128:0:*:65535,9:mss,sok,ts,nop,ws:df:0
sig   = *:128:0:*:65535,10:mss,sok,ts,nop,ws:df,id+:0
sig   = *:128:0:*:65535,10:mss,sok,ts,nop,ws:df:0
sig   = *:128:0:*:65535,11:mss,sok,ts,nop,ws:df,id+:0
sig   = *:128:0:*:65535,11:mss,sok,ts,nop,ws:df:0
sig   = *:128:0:*:65535,12:mss,sok,ts,nop,ws:df,id+:0
sig   = *:128:0:*:65535,12:mss,sok,ts,nop,ws:df:0
sig   = *:255:0:*:65535,5:mss,sok,ts,nop,ws:df,id+:0
sig   = *:255:0:*:65535,5:mss,sok,ts,nop,ws:df:0
sig   = *:255:0:*:65535,6:mss,sok,ts,nop,ws:df,id+:0
sig   = *:255:0:*:65535,6:mss,sok,ts,nop,ws:df:0
sig   = *:255:0:*:65535,7:mss,sok,ts,nop,ws:df,id+:0
sig   = *:255:0:*:65535,7:mss,sok,ts,nop,ws:df:0
sig   = *:255:0:*:65535,8:mss,sok,ts,nop,ws:df,id+:0
sig   = *:255:0:*:65535,8:mss,sok,ts,nop,ws:df:0
sig   = *:255:0:*:65535,9:mss,sok,ts,nop,ws:df,id+:0
sig   = *:255:0:*:65535,9:mss,sok,ts,nop,ws:df:0
sig   = *:255:0:*:65535,10:mss,sok,ts,nop,ws:df,id+:0
sig   = *:255:0:*:65535,10:mss,sok,ts,nop,ws:df:0
sig   = *:255:0:*:65535,11:mss,sok,ts,nop,ws:df,id+:0
sig   = *:255:0:*:65535,11:mss,sok,ts,nop,ws:df:0
sig   = *:255:0:*:65535,12:mss,sok,ts,nop,ws:df,id+:0
sig   = *:255:0:*:65535,12:mss,sok,ts,nop,ws:df:0

; collected: timestamps replaced by as many nops, or taken out and padded, mostly on mobile networks. What is left
; still is Linux's layout with Android's window. Other remainders are derived.

label = s:unix:Android:timestamps blanked
sig   = *:64:0:*:65535,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df,id+:0
sig   = *:64:0:*:65535,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df:0
sig   = *:64:0:*:65535,*:mss,sok,nop,nop,nop,ws:df,id+:0
sig   = *:64:0:*:65535,*:mss,sok,nop,nop,nop,ws:df:0
sig   = *:64:0:*:65535,*:mss,sok,nop,ws,eol+1:df,id+:0
sig   = *:64:0:*:65535,*:mss,sok,nop,ws,eol+1:df:0

label = s:unix:Android:options blanked
sig   = *:64:0:*:65535,*:mss,sok,ts,nop,nop,nop,nop:df,id+:0
sig   = *:64:0:*:65535,*:mss,sok,ts,nop,nop,nop,nop:df:0
sig   = *:64:0:*:65535,*:mss,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df,id+:0
sig   = *:64:0:*:65535,*:mss,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df:0
sig   = *:64:0:*:65535,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop:df,id+:0
sig   = *:64:0:*:65535,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop:df:0

; documented: TCP Fast Open asking for a cookie, or sending one with data (option 34).

label = s:unix:Android:TCP Fast Open
sig   = *:64:0:*:65535,*:mss,sok,ts,nop,ws,?34,nop,nop:df,id+:*
sig   = 6:64:0:*:65535,*:mss,sok,ts,nop,ws,?34,nop,nop:flow:*

; --- Linux ---

; observed on Linux 6.18: the largest multiple of the MSS below 64 KiB, for every MSS from 8960 to 536;
; documented: since 4.20 (initial receive buffer of 128 KiB). The scale follows the largest receive buffer, 7 by
; default, 10 on a large machine. Chrome OS sends it with scale 7 (collected).

label = s:unix:Linux:4.20 or newer
sig   = *:64:0:*:mss*44,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*44,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*45,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*45,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*46,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*46,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*47,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*47,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*48,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*48,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*49,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*49,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*50,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*50,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*51,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*51,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*52,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*52,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*53,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*53,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*7,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*7,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*122,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*122,*:mss,sok,ts,nop,ws:flow:0

; observed on Linux 6.18: the loopback interface, MSS 65495 (IPv4) and 65476 (IPv6).

label = s:unix:Linux:4.20 or newer (loopback)
sig   = *:64:0:65495:mss*1,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:65476:mss*1,*:mss,sok,ts,nop,ws::0
sig   = 6:64:0:65476:mss*1,*:mss,sok,ts,nop,ws:flow:0

; documented: twice an initial window of 10 segments from 3.11, one from 3.0 (2.6.39), 4 segments before; loopback
; windows follow its MTU.

label = s:unix:Linux:3.11 to 4.19
sig   = *:64:0:*:mss*20,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*20,*:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:65495:43690,*:mss,sok,ts,nop,ws:df,id+:0

label = s:unix:Linux:3.0 to 3.10
sig   = *:64:0:*:mss*10,*:mss,sok,ts,nop,ws:df,id+:0

label = s:unix:Linux:2.6
sig   = *:64:0:*:mss*4,5:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:mss*4,6:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:mss*4,7:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:mss*4,8:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:mss*4,9:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:16396:mss*2,*:mss,sok,ts,nop,ws:df,id+:0

label = s:unix:Linux:2.4 or 2.6
sig   = *:64:0:*:mss*4,0:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:mss*4,1:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:mss*4,2:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:mss*4,3:mss,sok,ts,nop,ws:df,id+:0
sig   = *:64:0:*:mss*4,4:mss,sok,ts,nop,ws:df,id+:0

; observed on Linux 6.18: TCP Fast Open (option 34) and Multipath TCP (option 30) put theirs last.

label = s:unix:Linux:TCP Fast Open
sig   = *:64:0:*:*,*:mss,sok,ts,nop,ws,?34,nop,nop:df,id+:*
sig   = 6:64:0:*:*,*:mss,sok,ts,nop,ws,?34,nop,nop:flow:*

label = s:unix:Linux:Multipath TCP
sig   = *:64:0:*:*,*:mss,sok,ts,nop,ws,?30:df,id+:0
sig   = 6:64:0:*:*,*:mss,sok,ts,nop,ws,?30:flow:0

; observed on Linux 6.18: net.ipv4.tcp_timestamps, tcp_sack and tcp_window_scaling switched off, each alone and
; together.

label = s:unix:Linux:no timestamps
sig   = *:64:0:*:mss*44,*:mss,nop,nop,sok,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*44,*:mss,nop,nop,sok,nop,ws:flow:0
sig   = *:64:0:*:mss*45,*:mss,nop,nop,sok,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*45,*:mss,nop,nop,sok,nop,ws:flow:0
sig   = *:64:0:*:mss*46,*:mss,nop,nop,sok,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*46,*:mss,nop,nop,sok,nop,ws:flow:0
sig   = *:64:0:*:mss*47,*:mss,nop,nop,sok,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*47,*:mss,nop,nop,sok,nop,ws:flow:0
sig   = *:64:0:*:mss*48,*:mss,nop,nop,sok,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*48,*:mss,nop,nop,sok,nop,ws:flow:0
sig   = *:64:0:*:mss*7,*:mss,nop,nop,sok,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*7,*:mss,nop,nop,sok,nop,ws:flow:0
sig   = *:64:0:*:mss*20,*:mss,nop,nop,sok,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*20,*:mss,nop,nop,sok,nop,ws:flow:0
sig   = *:64:0:*:mss*10,*:mss,nop,nop,sok,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*10,*:mss,nop,nop,sok,nop,ws:flow:0

label = s:unix:Linux:no SACK
sig   = *:64:0:*:mss*44,*:mss,nop,nop,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*44,*:mss,nop,nop,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*45,*:mss,nop,nop,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*45,*:mss,nop,nop,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*46,*:mss,nop,nop,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*46,*:mss,nop,nop,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*47,*:mss,nop,nop,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*47,*:mss,nop,nop,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*48,*:mss,nop,nop,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*48,*:mss,nop,nop,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*7,*:mss,nop,nop,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*7,*:mss,nop,nop,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*20,*:mss,nop,nop,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*20,*:mss,nop,nop,ts,nop,ws:flow:0
sig   = *:64:0:*:mss*10,*:mss,nop,nop,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*10,*:mss,nop,nop,ts,nop,ws:flow:0

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

label = s:unix:Linux:no timestamps, no scaling
sig   = *:64:0:*:mss*44,0:mss,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:mss*44,0:mss,nop,nop,sok:flow:0
sig   = *:64:0:*:mss*45,0:mss,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:mss*45,0:mss,nop,nop,sok:flow:0
sig   = *:64:0:*:mss*46,0:mss,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:mss*46,0:mss,nop,nop,sok:flow:0
sig   = *:64:0:*:mss*47,0:mss,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:mss*47,0:mss,nop,nop,sok:flow:0
sig   = *:64:0:*:mss*48,0:mss,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:mss*48,0:mss,nop,nop,sok:flow:0
sig   = *:64:0:*:mss*7,0:mss,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:mss*7,0:mss,nop,nop,sok:flow:0
sig   = *:64:0:*:mss*20,0:mss,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:mss*20,0:mss,nop,nop,sok:flow:0
sig   = *:64:0:*:mss*10,0:mss,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:mss*10,0:mss,nop,nop,sok:flow:0

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

; derived: the timestamps of a Linux SYN replaced by nops or taken out on the way, as is seen with Android's
; window.

label = s:unix:Linux:timestamps blanked
sig   = *:64:0:*:mss*44,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df,id+:0
sig   = *:64:0:*:mss*44,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df:0
sig   = *:64:0:*:mss*20,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df,id+:0
sig   = *:64:0:*:mss*20,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df:0
sig   = *:64:0:*:mss*10,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df,id+:0
sig   = *:64:0:*:mss*10,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df:0
sig   = *:64:0:*:mss*44,*:mss,sok,nop,nop,nop,ws:df,id+:0
sig   = *:64:0:*:mss*44,*:mss,sok,nop,nop,nop,ws:df:0
sig   = *:64:0:*:mss*20,*:mss,sok,nop,nop,nop,ws:df,id+:0
sig   = *:64:0:*:mss*20,*:mss,sok,nop,nop,nop,ws:df:0
sig   = *:64:0:*:mss*10,*:mss,sok,nop,nop,nop,ws:df,id+:0
sig   = *:64:0:*:mss*10,*:mss,sok,nop,nop,nop,ws:df:0

; --- Proxies and VPNs that send SYNs of their own ---

; collected: 29 segments and scale 6, more often claimed by Android than by Windows. Observed: Linux 6.18 sends 29
; segments when the tcp_rmem default is 87380, that of kernels before 4.20, which tuning guides for servers set.
; So the sender is a Linux; its user may have another system.

label = s:unix:Linux:VPN or proxy server
sig   = *:64:0:*:mss*29,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:mss*29,*:mss,sok,ts,nop,ws:flow:0

; derived: the window of a raised receive buffer, with scales that no handset was seen to send: they stand for
; buffers of 256 MiB and more.

label = s:other:Proxy or VPN:large receive buffers
sig   = *:64:0:*:65535,13:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:65535,13:mss,sok,ts,nop,ws:flow:0
sig   = *:64:0:*:65535,14:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:65535,14:mss,sok,ts,nop,ws:flow:0

; collected: Windows users behind SYNs of a Linux without timestamps and with a raised receive buffer. Observed,
; but for the scale: that is what such a Linux sends.

label = s:other:Proxy or VPN:Linux without timestamps
sig   = *:64:0:*:65535,*:mss,nop,nop,sok,nop,ws:df,id+:0
sig   = *:64:0:*:65535,*:mss,nop,nop,sok,nop,ws:df:0
sig   = 6:64:0:*:65535,*:mss,nop,nop,sok,nop,ws:flow:0

; --- BSD and Solaris ---

; documented: FreeBSD 9 and newer scale by 6 and up, 8 by 3; consoles built on FreeBSD send the same.

label = s:unix:FreeBSD:9 or newer
sig   = *:64:0:*:65535,6:mss,nop,ws,sok,ts:df,id+:0
sig   = *:64:0:*:65535,6:mss,nop,ws,sok,ts:df:0
sig   = 6:64:0:*:65535,6:mss,nop,ws,sok,ts:flow:0
sig   = *:64:0:*:65535,7:mss,nop,ws,sok,ts:df,id+:0
sig   = *:64:0:*:65535,7:mss,nop,ws,sok,ts:df:0
sig   = 6:64:0:*:65535,7:mss,nop,ws,sok,ts:flow:0
sig   = *:64:0:*:65535,8:mss,nop,ws,sok,ts:df,id+:0
sig   = *:64:0:*:65535,8:mss,nop,ws,sok,ts:df:0
sig   = 6:64:0:*:65535,8:mss,nop,ws,sok,ts:flow:0
sig   = *:64:0:*:65535,9:mss,nop,ws,sok,ts:df,id+:0
sig   = *:64:0:*:65535,9:mss,nop,ws,sok,ts:df:0
sig   = 6:64:0:*:65535,9:mss,nop,ws,sok,ts:flow:0

label = s:unix:FreeBSD:8
sig   = *:64:0:*:65535,3:mss,nop,ws,sok,ts:df,id+:0

; documented: OpenBSD's 16384 with scale 6 (3 until 5.x, 0 in 3.x).

label = s:unix:OpenBSD:6 or newer
sig   = *:64:0:*:16384,6:mss,nop,nop,sok,nop,ws,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:16384,6:mss,nop,nop,sok,nop,ws,nop,nop,ts:flow:0

label = s:unix:OpenBSD:3 to 5
sig   = *:64:0:*:16384,0:mss,nop,nop,sok,nop,ws,nop,nop,ts:df,id+:0
sig   = *:64:0:*:16384,3:mss,nop,nop,sok,nop,ws,nop,nop,ts:df,id+:0

; documented: NetBSD pads SACK and timestamps with nops of their own.

label = s:unix:NetBSD:
sig   = *:64:0:*:32768,0:mss,nop,ws,sok,nop,nop,nop,nop,ts:df,id+:0
sig   = *:64:0:*:32768,0:mss,nop,ws,sok,nop,nop,nop,nop,ts:df:0
sig   = 6:64:0:*:32768,0:mss,nop,ws,sok,nop,nop,nop,nop,ts:flow:0
sig   = *:64:0:*:32768,3:mss,nop,ws,sok,nop,nop,nop,nop,ts:df,id+:0
sig   = *:64:0:*:32768,3:mss,nop,ws,sok,nop,nop,nop,nop,ts:df:0
sig   = 6:64:0:*:32768,3:mss,nop,ws,sok,nop,nop,nop,nop,ts:flow:0
sig   = *:64:0:*:32768,4:mss,nop,ws,sok,nop,nop,nop,nop,ts:df,id+:0
sig   = *:64:0:*:32768,4:mss,nop,ws,sok,nop,nop,nop,nop,ts:df:0
sig   = 6:64:0:*:32768,4:mss,nop,ws,sok,nop,nop,nop,nop,ts:flow:0

; documented: Solaris 10 starts with 34 segments, Solaris 8 puts the MSS last, Solaris 11 and illumos begin with
; SACK and timestamps.

label = s:unix:Solaris:11 or illumos
sig   = *:64:0:*:*,*:sok,ts,mss,nop,ws:df,id+:0

label = s:unix:Solaris:10
sig   = *:64:0:*:mss*34,0:mss,nop,ws,nop,nop,sok:df,id+:0

label = s:unix:Solaris:8 or 9
sig   = *:64:0:*:*,*:nop,ws,nop,nop,ts,nop,nop,sok,mss:df,id+:0

; --- Last resorts: the layout tells the family, whatever the window ---

; derived from the groups above; Linux with small buffers (SO_RCVBUF) observed.

label = g:win:Windows:
sig   = *:128:0:*:*,*:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:128:0:*:*,*:mss,nop,ws,nop,nop,sok:df,id+,ecn:0
sig   = 6:128:0:*:*,*:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:128:0:*:*,*:mss,nop,nop,sok:df,id+:0
sig   = 6:128:0:*:*,*:mss,nop,nop,sok:flow:0
sig   = *:128:0:*:*,*:mss,nop,ws,sok,ts:df,id+:0
sig   = *:64:0:*:*,8:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:*,8:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:255:0:*:*,*:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:64:0:*:*,2:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:*,2:mss,nop,ws,nop,nop,sok:flow:0
sig   = *:128:0:*:*,*:mss,nop,ws,nop,nop,nop,nop:df,id+:0
sig   = *:128:0:*:*,*:mss,nop,nop,nop,nop,nop,nop,sok:df,id+:0
sig   = *:128:0:*:*,*:mss,nop,nop,nop,nop:df,id+:0

label = g:unix:macOS or iOS:
sig   = *:64:0:*:*,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0
sig   = *:64:0:*:*,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0
sig   = 6:64:0:*:*,*:mss,nop,ws,nop,nop,ts,sok,eol+1:flow:0
sig   = *:64:0:*:*,*:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df,id+:0
sig   = *:64:0:*:*,*:mss,nop,ws,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sok,eol+1:df:0
sig   = *:64:0:*:*,*:mss,nop,ws,sok,eol+1:df,id+:0
sig   = *:64:0:*:*,*:mss,nop,ws,sok,eol+1:df:0

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

; derived: a window that no system has by default, on a machine whose largest receive buffer is not small, is a
; tuned server.

label = g:other:Proxy or VPN:tuned Linux server
sig   = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:*,*:mss,sok,ts,nop,ws:flow:0

label = g:unix:Linux:options blanked
sig   = *:64:0:*:*,*:mss,sok,ts,nop,nop,nop,nop:df,id+:0
sig   = *:64:0:*:*,*:mss,sok,ts,nop,nop,nop,nop:df:0
sig   = *:64:0:*:*,*:mss,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df,id+:0
sig   = *:64:0:*:*,*:mss,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df:0
sig   = *:64:0:*:*,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop:df,id+:0
sig   = *:64:0:*:*,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop:df:0

label = g:unix:Linux:timestamps blanked
sig   = *:64:0:*:*,*:mss,sok,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,ws:df,id+:0
sig   = *:64:0:*:*,*:mss,sok,nop,nop,nop,ws:df,id+:0

; derived: own timestamps set to zero on the way; documented: Windows 2000 and XP begin their timestamps with
; zero.

label = g:unix:Android:timestamps zeroed
sig   = *:64:0:*:65535,*:mss,sok,ts,nop,ws:df,id+,ts1-:0

label = g:unix:Linux:timestamps zeroed
sig   = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+,ts1-:0

label = g:unix:Linux:no SACK
sig   = *:64:0:*:*,*:mss,nop,nop,ts,nop,ws:df,id+:0
sig   = 6:64:0:*:*,*:mss,nop,nop,ts,nop,ws:flow:0

label = g:unix:Linux:no window scaling
sig   = *:64:0:*:*,0:mss,sok,ts:df,id+:0
sig   = 6:64:0:*:*,0:mss,sok,ts:flow:0

label = g:unix:Linux:no SACK, no scaling
sig   = *:64:0:*:*,0:mss,nop,nop,ts:df,id+:0
sig   = 6:64:0:*:*,0:mss,nop,nop,ts:flow:0

label = g:unix:macOS or iOS:timestamps zeroed
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ts1-:0
sig   = *:64:0:*:65535,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+,ts1-:0

label = g:win:Windows:with timestamps
sig   = *:128:0:*:*,*:mss,nop,ws,nop,nop,ts,nop,nop,sok:df,id+:0
sig   = *:128:0:*:*,*:mss,nop,ws,nop,nop,ts,nop,nop,sok:df,id+,ts1-:0
sig   = *:128:0:*:*,*:mss,nop,nop,ts,nop,nop,sok:df,id+:0
sig   = *:128:0:*:*,*:mss,nop,nop,ts,nop,nop,sok:df,id+,ts1-:0

; derived: these layouts are what several systems are left with once their timestamps or scale are gone, and no
; system sends them by default with that TTL.

label = g:other:Proxy or VPN:timestamps removed
sig   = *:64:0:*:*,*:mss,nop,nop,sok,nop,ws:df,id+:0
sig   = 6:64:0:*:*,*:mss,nop,nop,sok,nop,ws:flow:0

label = g:other:Proxy or VPN:options removed
sig   = *:64:0:*:*,0:mss,nop,nop,sok:df,id+:0
sig   = *:64:0:*:*,0:mss,nop,nop,sok:df,id+,ecn:0
sig   = *:64:0:*:*,0:mss,nop,nop,sok:df:0
sig   = 6:64:0:*:*,0:mss,nop,nop,sok:flow:0
sig   = *:255:0:*:*,0:mss,nop,nop,sok:df,id+:0
sig   = 6:64:0:*:*,0:mss,nop,nop,sok:ecn,flow:0

label = g:unix:FreeBSD:
sig   = *:64:0:*:*,*:mss,nop,ws,sok,ts:df,id+:0
sig   = *:64:0:*:*,*:mss,nop,ws,sok,ts:df:0
sig   = 6:64:0:*:*,*:mss,nop,ws,sok,ts:flow:0

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
