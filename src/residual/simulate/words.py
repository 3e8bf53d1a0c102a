"""The words an organization is made of: people, cities, networks, software. Made up, or common knowledge."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


GIVEN = _words(
    "Ada Alan Amir Ana Anton Asha Bela Boris Carla Chen Clara Dana David Diego Elena Emil Eva Farid Fiona Grace Hana "
    "Hugo Ines Ivan Jana Jonas Julia Kai Karim Lara Leo Lena Linus Luis Maja Marco Maria Mei Mila Nadia Nils Noor Olga "
    "Omar Paula Pavel Petra Rosa Ruth Samir Sara Sofia Tara Theo Tom Uma Vera Victor Wanda Yara Yusuf Zoe"
)
FAMILY = _words(
    "Adler Bauer Becker Berg Brandt Castro Cohen Costa Cruz Dietrich Engel Fischer Flores Garcia Gupta Haas Hansen Ito "
    "Jensen Kaiser Keller Khan Klein Koch Kovac Kumar Lang Larsen Lopez Marino Meyer Mori Moser Nagy Neumann Novak "
    "Patel Petrov Popov Ramos Reyes Rossi Ruiz Sato Schmidt Silva Simon Singh Sousa Suzuki Tanaka Torres Vega Vogel "
    "Wagner Weber Winter Wolf Wong Yilmaz Young Zhou Zimmer"
)
COMPANY = _words("Alder Beacon Cedar Delta Ember Fjord Granite Harbor Indigo Juniper Krypton Lumen Meridian Nimbus")
TRADE = _words("Labs Logistics Optics Foods Motors Health Energy Textiles")

# city, country, continent, latitude, longitude, hours from UTC, region of the cloud nearby
CITIES = (
    ("Berlin", "DE", "Europe", 52.52, 13.40, 1, "eu-central-1"),
    ("Lisbon", "PT", "Europe", 38.72, -9.14, 0, "eu-west-1"),
    ("Warsaw", "PL", "Europe", 52.23, 21.01, 1, "eu-central-1"),
    ("Paris", "FR", "Europe", 48.86, 2.35, 1, "eu-west-3"),
    ("Madrid", "ES", "Europe", 40.42, -3.70, 1, "eu-west-1"),
    ("London", "GB", "Europe", 51.51, -0.13, 0, "eu-west-2"),
    ("Dublin", "IE", "Europe", 53.35, -6.26, 0, "eu-west-1"),
    ("Zurich", "CH", "Europe", 47.37, 8.54, 1, "eu-central-1"),
    ("Vienna", "AT", "Europe", 48.21, 16.37, 1, "eu-central-1"),
    ("Milan", "IT", "Europe", 45.46, 9.19, 1, "eu-south-1"),
    ("Oslo", "NO", "Europe", 59.91, 10.75, 1, "eu-north-1"),
    ("Amsterdam", "NL", "Europe", 52.37, 4.90, 1, "eu-west-1"),
    ("Bucharest", "RO", "Europe", 44.43, 26.10, 2, "eu-central-1"),
    ("Istanbul", "TR", "Europe", 41.01, 28.98, 3, "eu-central-1"),
    ("Toronto", "CA", "North America", 43.65, -79.38, -5, "ca-central-1"),
    ("Boston", "US", "North America", 42.36, -71.06, -5, "us-east-1"),
    ("Austin", "US", "North America", 30.27, -97.74, -6, "us-east-2"),
    ("Seattle", "US", "North America", 47.61, -122.33, -8, "us-west-2"),
    ("Sao Paulo", "BR", "South America", -23.55, -46.63, -3, "sa-east-1"),
    ("Bogota", "CO", "South America", 4.71, -74.07, -5, "us-east-1"),
    ("Bangalore", "IN", "Asia", 12.97, 77.59, 5, "ap-south-1"),
    ("Singapore", "SG", "Asia", 1.35, 103.82, 8, "ap-southeast-1"),
    ("Tokyo", "JP", "Asia", 35.68, 139.69, 9, "ap-northeast-1"),
    ("Nairobi", "KE", "Africa", -1.29, 36.82, 3, "eu-south-1"),
)
PROVIDERS = _list(
    "Northline Telecom|Bluefiber|Citywave Mobile|Arc Broadband|Polar Networks|Ridge Cable|Sunlink|Tern Mobile|"
    "Quarry Hosting|Stackyard|Boxcar Cloud|Lattice Hosting"
)

# name, type, OCSF os.type_id, version, build, edition
SYSTEMS = (
    ("Windows 11", "Windows", 100, "10.0.22631", "22631.4317", "Enterprise"),
    ("macOS", "macOS", 300, "14.6.1", "23G93", None),
    ("Ubuntu", "Linux", 200, "22.04", None, "LTS"),
    ("Windows Server 2022", "Windows", 100, "10.0.20348", "20348.2762", "Datacenter"),
    ("Amazon Linux", "Linux", 200, "2023.5", None, None),
    ("iOS", "iOS", 301, "17.6", "21G80", None),
    ("Android", "Android", 201, "14", "AP2A.240805", None),
)
WINDOWS, MACOS, UBUNTU, SERVER, CLOUD_LINUX, IOS, ANDROID = range(7)

# role, share of the people, cloud calls a day, weight of network traffic
ROLES = (
    ("engineer", 0.34, 60, 1.4),
    ("data scientist", 0.12, 50, 2.2),
    ("designer", 0.08, 8, 2.0),
    ("sales", 0.16, 6, 0.7),
    ("finance", 0.08, 6, 0.6),
    ("people", 0.06, 8, 0.6),
    ("support", 0.10, 18, 0.9),
    ("administrator", 0.06, 90, 1.2),
)

# SaaS hosts: name, category
CATEGORIES = ("collaboration", "storage", "development", "business", "telemetry", "update", "content", "video")
SAAS_STEMS = _words(
    "acorn bright canvas drift easel folio garnet hatch inkwell jolt kite ledger mosaic nectar orbit pixel quill rally "
    "slate tandem umbra vivid willow xenon yonder zephyr anchor birch copper dynamo echo flint glide harvest iris "
    "jasper kindle lantern maple nimble onyx prism quartz raven"
)

# by service of the cloud: operations, each with its activity_id (1 create, 2 read, 3 update, 4 delete)
_OPERATIONS = """
directory ListUsers-2 CreateUser-1 GetUser-2
iam CreateAccessKey-1 AttachUserPolicy-3 ListRoles-2 DeleteAccessKey-4 UpdateLoginProfile-3
sts AssumeRole-1 GetCallerIdentity-2
compute DescribeInstances-2 RunInstances-1 TerminateInstances-4 StopInstances-3 CreateTags-1
compute AuthorizeSecurityGroupIngress-3
storage ListBuckets-2 GetObject-2 PutObject-1 DeleteObject-4 PutBucketPolicy-3
functions InvokeFunction-1 UpdateFunctionCode-3
database DescribeClusters-2 ModifyCluster-3
secrets GetSecretValue-2 RotateSecret-3
logs PutLogEvents-1 FilterLogEvents-2
registry PutImage-1
"""
OPERATIONS = tuple(
    (service, entry[:-2], int(entry[-1]))
    for service, *entries in map(str.split, _OPERATIONS.strip().splitlines())
    for entry in entries
)
_NAMES = [row[1] for row in OPERATIONS]
PERSISTENCE = tuple(map(_NAMES.index, ("ListUsers", "CreateUser", "CreateAccessKey", "AttachUserPolicy")))
BEFORE_RUN = tuple(map(_NAMES.index, ("GetCallerIdentity", "AssumeRole", "DescribeInstances")))
RUN, TAG, TERMINATE = map(_NAMES.index, ("RunInstances", "CreateTags", "TerminateInstances"))
NETWORKS = ("10.4", "10.23", "172.18", "172.27", "10.61")  # private, of the sites and the cloud
API_REGIONS = ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2", "ap-southeast-1")

# program, its usual parent, folder, arguments, systems it runs on, and what people and jobs use it for
PROGRAMS = (
    ("explorer.exe", "userinit.exe", "C:\\Windows", "", (0, 3), ""),
    ("chrome.exe", "explorer.exe", "C:\\Program Files\\Google\\Chrome", "--type=renderer", (0, 3), "browser"),
    ("outlook.exe", "explorer.exe", "C:\\Program Files\\Office", "/recycle", (0,), "mail"),
    ("excel.exe", "explorer.exe", "C:\\Program Files\\Office", "/dde", (0,), "office"),
    ("winword.exe", "explorer.exe", "C:\\Program Files\\Office", "/n", (0,), "office"),
    ("teams.exe", "explorer.exe", "C:\\Program Files\\Teams", "--system-initiated", (0,), "chat"),
    ("powershell.exe", "explorer.exe", "C:\\Windows\\System32", "-NoProfile -File inventory.ps1", (0, 3), "shell curl"),
    ("cmd.exe", "explorer.exe", "C:\\Windows\\System32", "/c dir", (0, 3), "shell tar"),
    ("svchost.exe", "services.exe", "C:\\Windows\\System32", "-k netsvcs -p", (0, 3), ""),
    ("sqlservr.exe", "services.exe", "C:\\Program Files\\SQL", "-s MSSQLSERVER", (3,), "java"),
    ("python.exe", "cmd.exe", "C:\\Python311", "report.py", (0, 3), "python build node"),
    ("Safari", "launchd", "/Applications", "", (1,), "browser"),
    ("Slack", "launchd", "/Applications", "--type=utility", (1,), "chat"),
    ("zsh", "Terminal", "/bin", "-l", (1,), "shell"),
    ("mdworker", "launchd", "/System/Library", "-s mdworker", (1,), ""),
    ("Xcode", "launchd", "/Applications", "", (1,), "editor"),
    ("git", "zsh", "/usr/bin", "fetch --all", (1, 2), "git"),
    ("bash", "sshd", "/bin", "-l", (2, 4), "shell"),
    ("sshd", "systemd", "/usr/sbin", "-D", (2, 4), ""),
    ("cron", "systemd", "/usr/sbin", "-f", (2, 4), ""),
    ("python3", "bash", "/usr/bin", "worker.py", (1, 2, 4), "python"),
    ("java", "systemd", "/usr/bin", "-jar service.jar", (2, 4), "java"),
    ("nginx", "systemd", "/usr/sbin", "-g daemon", (2, 4), ""),
    ("postgres", "systemd", "/usr/lib/postgresql", "-D /data", (2, 4), ""),
    ("docker", "bash", "/usr/bin", "run --rm job", (2, 4), "docker build"),
    ("curl", "bash", "/usr/bin", "-s https://status.internal/health", (1, 2, 4), "curl"),
    ("tar", "cron", "/usr/bin", "czf backup.tgz /data", (2, 4), "tar"),
    ("node", "bash", "/usr/bin", "server.js", (1, 2, 4), "node build"),
    ("git.exe", "powershell.exe", "C:\\Program Files\\Git", "fetch --all", (0, 3), "git docker"),
    ("code.exe", "explorer.exe", "C:\\Program Files\\Code", "--reuse-window", (0,), "editor"),
    ("Mail", "launchd", "/System/Applications", "", (1,), "mail"),
    ("Pages", "launchd", "/Applications", "", (1,), "office"),
    ("firefox", "gnome-shell", "/usr/lib/firefox", "-contentproc", (2,), "browser chat"),
    ("thunderbird", "gnome-shell", "/usr/lib/thunderbird", "", (2,), "mail"),
    ("soffice.bin", "gnome-shell", "/usr/lib/libreoffice", "--writer", (2,), "office"),
)
TOOLS = sorted({tool for row in PROGRAMS for tool in row[5].split()})

APPLICATIONS = _words(
    "checkout catalog search billing identity-sync mailer reports ledger-api gateway image-resizer recommendations "
    "inventory shipping audit-log feature-flags"
)
ERRORS = ("Timeout", "ConnectionReset", "OutOfMemory", "BadGateway", "DeadlineExceeded", "SchemaMismatch")
