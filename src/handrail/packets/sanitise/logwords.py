"""The words of log messages and stack traces, and the packages that everybody has: what may stay of a line of text.

As in ``vocabulary``, a word is here because programs write it. Words that people choose as passwords or bear as names
are not here, however often programs write them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from handrail.packets.sanitise.vocabulary import EXTENSIONS, METHODS, WORDS, words

LEVELS = words(
    "TRACE DEBUG FINE FINER FINEST VERBOSE INFO INFORMATION NOTICE CONFIG WARN WARNING ERROR ERR SEVERE FATAL CRITICAL "
    "CRIT ALERT EMERG PANIC"
)

LOG_WORDS = words(
    """
usr srv opt var etc tmp bin sbin site dist threading tasks
with clock drift conn req resp recv addr auth init cfg ctx msg num len pos buf linux windows macintosh intel like gecko
mozilla safari applewebkit khtml edg opr curl wget okhttp referer referrer agent bearer status code codes reason retry
a abort aborting above absent accepted accepting accessed accessing acknowledged acquire acquired acquiring across
actual actually actor added adding address addresses affected after again against age agent ahead alive all allocate
allocated allocation allow allowed allowing alpn already also alternate always among amount an and another answer
answered any anymore appear appears append appended applied apply applying appropriate are array as ask asked assigned
async asynchronous at atomic attached attempt attempted attempting attempts authenticating authority available await
awaiting aware back bad balance balancer base based be because become been before began begin beginning behind being
below best better between beyond big binary bit bits block blocked blocking blocks both bound boundary branch break
breaker broken bucket buffered buffers busy but byte bytes cached calculated called caller calling calls can canceled
cancelled cannot cant capability capacity caught cause caused causes causing cease certain chain changed changes
changing channel channels char character characters checked checking checksum child children cipher ciphers circuit
class classes classpath clean cleaned cleaning cleanup clear cleared closed closing code codes collected collection
collision command commands commit committed committing completed completes completing completion compressed
computed condition configured configuring conflict conflicting conflicts confirmed connected connecting consumed
consumers consuming contain contained containing contains continued continues continuing contract conversion converted
copied corrupt corrupted could couldnt counter cpu crash crashed created creates creating creation cross current
currently cursor cycle cycles daemon damaged date day days dead deadlock deadlocked deadlocks decided declared decode
decoded decoder decoding decrease decrypt decrypted decryption deep default defaults defined definition degraded
delayed delays deleted deleting delivered delivering delivery denied dependencies dependency depth deprecated
deserialize deserialization destination destroy destroyed detected detection determine determined did didnt differ
difference different differs direct direction disabled disabling discarded disconnect disconnected disconnecting
discovered disk dispatch dispatched dispatcher dispatching does doesnt doing dont double down downstream drain
drained draining drop dropping due dump dumped dumping duplicate duplicated duration during each earlier early
either elapsed election element elements eligible else emitted empty enabled enabling encode encoded encoder encoding
encountered encrypted encryption ended ending ends enforce engine enough ensure entered entering entire entries
equal equals established establishing etc evaluated evaluating even eventually every evicted eviction exact exactly
examine exceed exceeds except exceptions excess excluded exclusive executed executes executing execution executor
exec exist existing exists exit exited exiting expect expected expecting expects expiration expires expiry explicit
exported exporter extended extension extra extracted failing fails failures fall fallback fallen false far fast fatal
fault faulted faults fetched fetching few filled filtered final finalize finally find finding finished finishes
finishing first fit fix fixed flush flushed flushing follow followed following follows for forbidden force forced
forcing fork forked format formatted former found fraction free freed frozen fully further future garbage gathered
gave gc generated generating generation generic get gets getting give given gives giving global going gone good got
graceful gracefully granted greater guard had half halt halted handled handling hang happened has hash have having
heap held hence here high higher highest hint hold holder holding holds hour hours how however huge idle if ignore
ignored ignoring immediate immediately implementation implicit import important imported impossible improper include
included includes including incoming incomplete incompatible inconsistent incorrect increase increased increasing
incremented independent index indexed indicates inet inflight inherited initial initialization initialize
initialized initializing initiated inner input inputs inserted inside installed instead insufficient int integer
intended interceptor interface interfaces intermediate interrupt interval intervals into invalidated invocation
invoked invoking io is isnt isolation issued issuing iterator its itself joined joining just keep keepalive keeping
keeps kept kernel kill killed kind knows large larger largest last late latency later latest layer leader leak leaked
least leave leaving left length less let letting likely limited limits line lines linked listed listen listener
listeners listening lists little loaded loading loads locally located locked locking locks logged logical long longer
lookup loss lost low lower lowest lt made maintenance make makes making malformed managed mandatory manual many mapped
mapping marked marking mask masked matched matches matching matter max maximum maybe mb means measured mechanism
medium memory merged merging messaging method methods might migrated migrating milliseconds millis min minimal
minimum minor minute minutes misconfigured mismatch missed misses missing mixed modified modifying moment monitored
monitors month months more most mount mounted moved moving much multiple must mutex mutual name named namespace
nanos native near necessary need needed needs neither nested never newer next nio no nobody non normal normally nor
notified notifying nothing now number numbers obsolete obtain obtained obtaining occurred occurs of off offered often
omitted once one ones only onto opened opening operating opposite optional orphaned other others otherwise ours outage
outbound inbound outcome outdated outer outgoing outputs outside overall overflow overload overloaded overridden
override own owned owners owns packet packets padding paging pair parallel parallelism parameter parameters parked
parking parsed parser parsing partially partition partitions passed passes passing past paths pause paused peers per
percent perform performance performed performing period permanent permanently permit permitted persist persisted
persistent phase physical pid pinned pipeline pipe place placed planned please point pointer points policies policy
polled pooled populated port ports position possible possibly posted potential preceding precondition prefix prepare
prepared preparing present preserved prevent prevented previous previously primary principal prior probably problem
problems proceed proceeding processed processes processing processor produce produced producer producers
programmatic progress prohibited promise promoted propagate propagated propagation properly properties property
proposed protection prove provided provides providing proxied proxies pulled purged pushed queried queries querying
queued quiet quit raise raised raising ran rather rc reach reachable reached reaches reaching reading reads reason
reasons reassigned rebalance rebalancing reboot rebuild rebuilt receiver receivers receives receiving recently
recognised recognized reconnect reconnected reconnecting recorded recovered recovering recreate recursion recursive
redirected redirecting reduce reduced reentrant reference references refreshed refreshing refuse refusing regarding
registered registering regular rejected rejecting rejects related released releasing relevant reliable reload reloaded
reloading remain remained remaining remains removal removed removes removing renamed rendered renewed renewing reopen
repeat repeated replace replaced replacement replica replicas replicated replication replied reply reported reporting
represent requested requesting require required requirement requires requiring rescheduled reserved resetting resolved
resolver resolving resolution responded responding responds response respond restarted restarting restored restoring
restricted resulted resulting resumed resuming retained retention retried retries retrying return returned returning
returns reused revert reverted revision rewritten right rolled rolling rotated rotating rotation round routed routing
running runs safe same sampled sampling satisfied satisfy saved saving scanned scanning scheduled scheduler scheduling
scoped second secondary seconds see seem seems seen segment selected selecting selection selector semaphore sender
sending sends sensitive separate sequence serial serialize serialized serializer serialization serve served serves
serving set setting several severe severity shard shared she shed should shouldnt shown shut shutdown shutting side
sibling signaled signed signer signing similar since single size sized sizes skew skip skipped skipping slave sleep
sleeping slice slow slower so socket sockets soft some something soon sort sorted source sources spawned specific
specified specify split stack stacktrace stalled started starting starts starvation starved stated statement
statements states static still stopped stopping stops stored storing strategy stuck style subscribed subsequent
subsystem succeed succeeded succeeds successful successfully such sufficient supplied supply supported supporting
supports suppressed sure surrogate suspend suspended suspending swap swapped switch switched switching symbol
synchronized synchronization synchronous syntax tail take taken takes taking tail temporarily temporary terminal
terminate terminated terminating termination than that the their them then there therefore these they thing this
those though thread threads threshold through throttle throttled throttling throughput throw throwing thrown throws
thus till timed timeouts times timestamp timing together tolerated too took topology total touched tracing trailing
transactional transferred transient transition translated transmission traversal tried tries trigger triggered
triggering trip tripped true truncated trusted try trying turn turned twice two unable unaware unbound uncaught
unchanged unchecked undefined under underlying undeliverable unexpected unhandled unhealthy healthy uninitialized
unique unit units unless unlimited unlock unlocked unmatched unnecessary unparked unparsable unpredictable unreachable
unreadable unrecoverable unresolved unresponsive unsafe unset unsigned unspecified unsuccessful unsupported until
untrusted unused unusual up updated updating upper upstream uptime urgent used useful uses using usual usually
utilization vacuum valid validated validating validator validation variable variables various verified verifier verify
verifying very via violated violation violations virtual visible volume waited waiter waiting waits waking want wanted
warm warmed warned warnings was wasnt we were weight what when where whether which whichever while who whole whose why
wide width wild within without won wont worked working wrapped wrapper writable writer writes writing written wrong
yet yield zero
bean beans factory proxies advice aspect annotation builder visitor callback delegating dispatching chained embedded
abstract concrete base impl helper context holder handler servlet servlets valve coyote catalina connector protocol
endpoint acceptor poller nio2 epoll select channel pipeline bootstrap netty undertow jersey resteasy hikari pool
connection datasource jdbc jpa hibernate session entity persistence transaction lazy eager proxy cglib reflect
reflection accessor invocation lambda anonymous inner closure iterator stream consumer supplier predicate function
completable completion stage executor fork join worker scheduled reentrant condition lock latch barrier phaser
exchanger queue deque linked blocking concurrent hash map set list array vector stack tree sorted navigable enum
string builder buffer char byte integer short double float decimal boolean optional object null pointer nil undefined
cast arithmetic index bounds number format state security runtime illegal argument monitor unsupported operation
interrupted timeout execution cancellation broken reset peer eof malformed unknown host route reachable refused
certificate path pkix validator trust anchor store manager provider signature digest cipher algorithm parameter spec
saml saml2 assertion bearer subject confirmation audience restriction conditions skew metadata resolver decoder
encoder unmarshaller marshaller unmarshalling marshalling binding profile logout artifact opensaml shibboleth
keycloak idp sp acs slo jwks jwk jws jwe oidc oauth introspection exchange refresh
goroutine chan receive send semacquire sleep running runnable syscall panic recovered created created_by deferreturn
traceback recent call last module file line stdin raise from import awaited coroutine asyncio gather gevent greenlet
uvicorn gunicorn wsgi asgi celery
oom oomkilled evicted pod kubelet kube crashloop liveness readiness ingress sidecar istio linkerd envoy upstream
systemd journald cron sshd kernel docker containerd runc
localhost loopback multicast broadcast gateway subnet tcp udp icmp ipv4 ipv6 dns ttl rtt mtu syn ack fin rst
sslv3 tlsv1 mtls ocsp crl sni alert handshake failure close_notify unknown_ca bad_certificate decrypt_error
handshake_failure certificate_expired certificate_unknown protocol_version internal_error unrecognized_name
select insert into values where from update delete join begin commit rollback savepoint index table column constraint
key foreign unique duplicate serializable isolation deadlock detected relation tuple vacuum analyze checkpoint wal
replication slot standby promote lsn
ms us ns sec secs min mins hr hrs kb mb gb tb kib mib gib
"""
)

# After a word that opens doors, only these stay, up to the end of the clause: none is a password that people choose.
AFTER_DOORS = words(
    """
is was are were be been has have had not no a an the of for from to by in on at with without and or but if as it its
this that after before during while because expired expires expiry expiring invalid valid missing absent required
refused rejected denied accepted revoked revoke issued issuing renewed renewing refreshed refresh refreshing requested
request requests response responses endpoint endpoints type types reset changed change changing must should could can
cannot may failed fails failure failing error errors exception validation validated validate validating verification
verified verify verifying introspection exchange exchanged grant store provider manager handler filter service server
client audience issuer signature algorithm header claim claims scope scopes format malformed unsupported unknown
mismatch matches match length attempt attempts limit exceeded policy flow cache cached found lookup created removed
deleted stored loaded decoded parsed parsing encrypted decrypted user account login session too long short empty null
seconds minutes hours days ago until since already yet again used reused unused
"""
)
DOORS = words(
    """
password passwd pwd pass passphrase passcode secret secrets token tokens otp totp credential credentials pin cvv cvc
apikey accesskey secretkey privatekey jwt bearer sessionid jsessionid phpsessid
kennwort passwort geheimzahl losungswort zugangscode einmalcode einmalpasswort wachtwoord passe motdepasse mdp jeton
contrasena contrasenas clave senha parola haslo losenord losenordet engangskod pinkod passord adgangskode salasana
salasanan salasanasi tunnusluku tunnuskoodi kertakayttokoodi
"""
)
# These open doors only where a value follows the name at once: ``cookie: …``, ``nonce=…``.
NAMED_DOORS = words(
    """
authorization cookie session sid key nonce state signature assertion samlresponse samlrequest samlart relaystate
verifier challenge basic digest ssn iban card hash salt answer code_verifier
"""
)
# A number after one of these is somebody's, however short.
OWNERS = words(
    """
id ids uid gid user users userid username account accounts customer customers member members employee employees
person order orders case cases ticket tickets invoice invoices phone tel telephone mobile fax zip postcode postal
birthday born dob room desk badge contract policy number no nr ref reference client lat lon lng latitude longitude
coordinates coords gps
"""
)
# A number after one of these is a measure, however long up to nine digits.
MEASURES = words(
    """
ms millis milliseconds us micros ns nanos s sec secs second seconds minute minutes hour hours bytes byte kb mb gb kib
mib gib size length count total elapsed duration latency took timeout port status line lines lineno column retries
attempts limit max maximum min minimum offset delay interval age ttl depth capacity threads connections heap used free
committed uptime weight percent iterations requests responses errors hits misses entries rows items messages events
"""
)
# These make a number before them a measure, too: ``30000 bytes``, but not ``… port 443``.
COUNTED = MEASURES - words(
    "size length count total elapsed duration latency took timeout port status line lineno column limit max maximum "
    "min minimum offset delay interval age ttl depth capacity heap used free committed uptime weight"
)
UNKNOWN = "?"  # stands for a label that is not ours: a number after it is somebody's unless it has a unit
ONE_TIME = "?code"  # a code that is not said to be of an error or an answer may open a door
KINDS_OF_CODE = words("error status exit response return result close reason http sql vendor fault failure ora")
MACHINES = words("host hostname node machine")
# After one of these a public address is a server's; any other may be the address of a user at home.
SERVERS = words("to server servers upstream destination dst backend endpoint via resolved dns nameserver")
THREADS = words(
    "http https nio nio2 apr ajp exec executor executors pool thread threads worker workers task scheduler scheduling "
    "dispatcher io epoll eventloop loop acceptor poller async forkjoinpool commonpool cluster boss xnio qtp"
)
UNITS = words("ms us ns s m h d sec secs min mins b kb mb gb tb kib mib gib bytes k x")
SOURCES = words("java kt scala groovy clj cs fs vb go py pyx js mjs ts tsx jsx c cc cpp h hpp rs rb php pl ex erl")

PUBLIC = words(
    """
java javax jakarta jdk sun com.sun com.oracle oracle.jdbc kotlin kotlinx scala groovy clojure org.apache
org.springframework org.eclipse org.hibernate org.jboss org.wildfly org.keycloak org.opensaml org.opensaml.saml
net.shibboleth org.slf4j org.postgresql org.mozilla org.bouncycastle org.glassfish org.xnio org.infinispan
org.quartz org.aspectj org.junit org.codehaus org.w3c org.xml org.pac4j org.jose4j org.ehcache io.netty io.undertow
io.micrometer io.opentelemetry io.grpc io.vertx io.quarkus io.micronaut io.jsonwebtoken io.lettuce io.projectreactor
io.reactivex reactor com.zaxxer com.fasterxml com.google.common com.google.gson com.google.inject
com.google.protobuf com.nimbusds com.mysql com.microsoft.sqlserver com.azure com.amazonaws com.onelogin.saml2
com.auth0 com.okta okhttp3 okio retrofit2 ch.qos.logback redis.clients net.sf.ehcache System Microsoft.AspNetCore
Microsoft.Extensions Microsoft.EntityFrameworkCore Microsoft.IdentityModel Microsoft.Identity Microsoft.Data
Microsoft.Owin Newtonsoft.Json Npgsql Serilog NLog log4net Polly Grpc Sustainsys.Saml2 Duende.IdentityServer
IdentityServer4 Dapper MediatR Autofac Quartz StackExchange.Redis runtime net net/http net/url net/textproto crypto
crypto/tls crypto/x509 database/sql encoding/json encoding/xml internal/poll os/signal io bufio bytes sync
sync/atomic syscall os time context errors fmt log reflect sort strings strconv testing google.golang.org/grpc
golang.org/x github.com/gorilla github.com/gin-gonic github.com/go-chi github.com/labstack/echo
github.com/crewjam/saml github.com/russellhaering/gosaml2 github.com/coreos/go-oidc github.com/jackc
github.com/lib/pq github.com/go-sql-driver github.com/redis github.com/prometheus go.uber.org go.opentelemetry.io
"""
)
# Their names come from pages and rules of the customer's own.
NOT_PUBLIC = ("org.apache.jsp", "com.sun.proxy", "jdk.proxy", "com.sun.jsp")
# The folders of Python packages that everybody has, below ``site-packages`` or the standard library.
PYTHON = words(
    """
aiohttp amqp anyio asgiref asyncio asyncpg attr attrs boto3 botocore celery certifi charset_normalizer click
concurrent contextlib cryptography ctypes django email encodings fastapi flask gevent greenlet grpc gunicorn h11 h2
http httpcore httptools httpx idna importlib jinja2 json jwt kombu ldap3 logging lxml multiprocessing onelogin
opentelemetry pika pip psycopg psycopg2 pydantic pymongo pymysql queue redis requests rest_framework runpy saml2
selectors signal site socket socketserver sqlalchemy ssl starlette subprocess threading tornado traceback twisted
unittest urllib urllib3 uvicorn uvloop vine waitress websockets werkzeug wsgiref xml xmlsec yaml zeep zope
"""
)

_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^A-Za-z0-9]+")
_JOINERS = frozenset("-_.:+/$#&*")
_LONGEST_NAME = 80
DIGITS_KEPT, _SHORT_CODE, _LARGEST_PORT = 4, 3, 65_535
_MOST_DIGITS_EACH, _MOST_DIGITS = 2, 4
_THREAD_DIGITS_EACH, _THREAD_DIGITS = 5, 8


@lru_cache(maxsize=4096)
def is_known(text: str) -> bool:
    """Whether ``text`` is made only of words that programs write, joined by ``-_.:/$`` or capitals, and short numbers.

    After words of thread pools numbers may be longer: ``http-nio-8443-exec-12``.
    """
    if not text or len(text) > _LONGEST_NAME or not text.isascii():
        return False
    if text in METHODS or _is_word(text.lower()):
        return True
    pieces = _PIECES.findall(text)
    letters = [piece.lower() for piece in pieces if piece.isalpha()]
    if not letters or not all(map(_is_word, letters)):
        return False
    if any(not piece.isalnum() and not (piece in _JOINERS or piece == "::") for piece in pieces):
        return False
    return _numbers_fit(pieces, letters)


def _numbers_fit(pieces: list[str], letters: list[str]) -> bool:
    digits = [len(piece) for piece in pieces if piece.isdigit()]
    if not digits:
        return True
    if not OWNERS.isdisjoint(letters):
        return False
    if THREADS.issuperset(letters):
        return max(digits) <= _THREAD_DIGITS_EACH and sum(digits) <= _THREAD_DIGITS
    return max(digits) <= _MOST_DIGITS_EACH and sum(digits) <= _MOST_DIGITS


def _is_word(lower: str) -> bool:
    return lower in LOG_WORDS or lower in WORDS or lower in EXTENSIONS


def is_somebodys(digits: str, decimals: str, unit: str, before: str) -> bool:
    """Whether a number may be somebody's, for where it stands or because it is too long for a count."""
    if before == "port":
        return int(digits) > _LARGEST_PORT
    if before == ONE_TIME:
        return len(digits) > _SHORT_CODE
    if before == UNKNOWN:
        return not unit
    if len(unit) > 1 or before in MEASURES:  # a single letter may be the check letter of somebody's number
        return False
    return len(digits) > DIGITS_KEPT or len(decimals) > DIGITS_KEPT


def label_before(core: str, word: str, before: str) -> str:
    """What stands before a value after the label ``core``, which ends in ``word`` and follows ``before``."""
    if core.lower() == "code" and before not in KINDS_OF_CODE:
        return ONE_TIME
    ours = is_known(core) or "." in core or word in {"exception", "error"} or core.isdigit()
    return word if ours or word in OWNERS else UNKNOWN


def without_marks(text: str) -> str:
    """Character by character, because putting a long run of marks in order takes quadratic time."""
    apart = "".join(unicodedata.normalize("NFKD", character) for character in text)
    return "".join(character for character in apart if not unicodedata.combining(character))


@lru_cache(maxsize=1024)
def public_prefix(name: str) -> str:
    """The longest known prefix of a class, module or package that everybody has; empty where it is somebody's own."""
    if any(name == own or name.startswith(f"{own}.") for own in NOT_PUBLIC):
        return ""
    fitting = [one for one in PUBLIC if name == one or (name.startswith(one) and name[len(one)] in "./(")]
    return max(fitting, key=len, default="")
