using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources.Postgres;
using CsCheck;

namespace BackupTool.Tests.Services.Profiles;

public sealed class ForgejoProfileTests : IDisposable
{
    private const string Secret = "hunter2-very-secret";
    private readonly ProfileTree _tree = new();

    [Fact]
    public void Finds_the_whole_of_a_forge_as_NixOS_lays_it_out()
    {
        BytePath state = LayOut($"""
            [database]
            DB_TYPE = postgres
            HOST = /run/postgresql
            NAME = forgejo
            USER = forgejo

            [repository]
            ROOT = {_tree.At("forgejo/repositories")}

            [server]
            HTTP_PORT = 3001
            ROOT_URL = https://git.example.org/
            LFS_JWT_SECRET = {Secret}
            """);
        _tree.MakeDirectory("forgejo/repositories");
        ServiceLayout layout = _tree.Describe("forgejo", null, state);

        layout.Roots.Should().Equal(state);
        layout.PostgresDatabases.Select(t => (t.Database, t.Host, t.Role, t.SystemUser, t.Password)).Should().Equal(("forgejo", "/run/postgresql", "postgres", "postgres", null));
        layout.Health.Should().BeOfType<HttpProbe>().Which.Should().BeEquivalentTo(new HttpProbe(new Uri("http://127.0.0.1:3001/api/healthz"), [200]));
        layout.Facts.Should().Contain("url", "https://git.example.org/").And.Contain("repositories", state.Combine("repositories").ToString());
        layout.Facts.Values.Should().NotContain(value => value.Contains(Secret));
        _tree.Notes.Should().BeEmpty();
    }

    [Fact]
    public void Finds_everything_that_a_configuration_in_etc_scatters()
    {
        foreach (string directory in (string[])["data", "srv/git", "srv/lfs", "srv/packages", "srv/avatars", "custom"]) _tree.MakeDirectory(directory);
        BytePath database = _tree.Write("srv/forge.db", "x"), secret = _tree.Write("keys/secret_key", Secret), jwt = _tree.Write("data/jwt/private.pem", Secret);
        BytePath config = _tree.Write("etc/app.ini", $"""
            APP_NAME = Forge
            WORK_PATH = {_tree.Root}
            [database]
            DB_TYPE = sqlite3
            PATH = {database}
            [repository]
            ROOT = {_tree.Root}/srv/git
            [server]
            APP_DATA_PATH = {_tree.Root}/data
            LFS_START_SERVER = true
            [lfs]
            PATH = {_tree.Root}/srv/lfs
            [storage.packages]
            PATH = {_tree.Root}/srv/packages
            [picture]
            AVATAR_UPLOAD_PATH = {_tree.Root}/srv/avatars
            [security]
            SECRET_KEY_URI = file:{secret}
            INTERNAL_TOKEN = {Secret}
            [oauth2]
            JWT_SIGNING_PRIVATE_KEY_FILE = jwt/private.pem
            """);
        ServiceLayout layout = _tree.Describe("forgejo", config);

        layout.Roots.Should().BeEquivalentTo(
            [config, _tree.At("data"), _tree.At("custom"), database, _tree.At("srv/git"), _tree.At("srv/lfs"), _tree.At("srv/packages"), _tree.At("srv/avatars"), secret]);
        layout.ExpectedDatabases.Should().Equal(database);
        jwt.IsAtOrBelow(_tree.At("data")).Should().BeTrue();
        _tree.Notes.Should().BeEmpty();
    }

    [Theory]
    [InlineData("forgejo.db")]
    [InlineData("gitea.db")]
    public void Knows_the_default_names_of_the_database_then_and_now(string name)
    {
        BytePath state = LayOut("[database]\nDB_TYPE = sqlite3\n"), database = _tree.Write($"forgejo/data/{name}", "x");
        _tree.MakeDirectory("forgejo/data/gitea-repositories");
        _tree.Describe("forgejo", null, state).ExpectedDatabases.Should().Equal(database);
        _tree.Notes.Should().BeEmpty();
    }

    [Theory]
    [InlineData("HOST = 127.0.0.1:5433\nNAME = forge\nUSER = git\nPASSWD = `" + Secret + "`", "127.0.0.1", 5433, "git", Secret)]
    [InlineData("HOST = localhost\nNAME = forge\nUSER = git\nPASSWD = `p#a;s\"s`", "127.0.0.1", 5432, "git", "p#a;s\"s")]
    [InlineData("HOST = [::1]:5433\nNAME = forge\nUSER = git\nPASSWD = \"quoted pw\" ; comment", "::1", 5433, "git", "quoted pw")]
    [InlineData("HOST = ::1\nNAME = forge\nUSER = git\nPASSWD : pw # comment", "::1", 5432, "git", "pw")]
    [InlineData("NAME = forge\nUSER = git\nPASSWD = \"\"\"two\nlines\"\"\"", "127.0.0.1", 5432, "git", "two\nlines")]
    [InlineData("HOST = /run/postgresql\nNAME = forge\nUSER = git\nPASSWD =", "/run/postgresql", 5432, "postgres", null)]
    [InlineData("HOST = ignored\nHOST_PRIMARY = %(MAIN)s\nMAIN = db.example.org\nNAME = forge\nUSER = %(OWNER)s\nPASSWD=pw", "db.example.org", 5432, "owner", "pw")]
    public void Reads_the_PostgreSQL_database_as_the_forge_does(string keys, string host, int port, string role, string? password)
    {
        BytePath state = LayOut($"OWNER = owner\n[database]\nDB_TYPE = postgres\n{keys}\n");
        PostgresTarget target = _tree.Describe("forgejo", null, state).PostgresDatabases.Single();
        (target.Database, target.Host, target.Port, target.Role, target.Password?.Reveal()).Should().Be(("forge", host, port, role, password));
    }

    [Fact]
    public void Leaves_out_what_the_forge_makes_again_and_keeps_what_it_cannot()
    {
        BytePath state = LayOut("[database]\nDB_TYPE = sqlite3\n[session]\nPROVIDER = file\n[indexer]\nISSUE_INDEXER_PATH = data/my [index].bleve\n");
        _tree.Write("forgejo/data/forgejo.db", "x");
        IReadOnlyList<Exclusion> exclusions = _tree.Describe("forgejo", null, state).Exclusions;
        string[] paths =
        [
            "data/my [index].bleve/store/1", "data/indexers/repos.bleve/store/1", "data/indexers/issues.bleve/store/1", "data/sessions/a/b", "data/tmp/x", "log/forgejo.log",
            "data/queues/common/000001.log", "data/repo-archive/1/x.zip", "data/forgejo.db", "data/attachments/a/b", "data/ssh/gitea.rsa", "data/jwt/private.pem",
            "custom/conf/secret_key", "data/gitea-repositories/tmp/x.git/log/HEAD",
        ];
        paths.Where(path => exclusions.Any(e => e.Covers(state.Combine(path), false)))
            .Should().Equal("data/my [index].bleve/store/1", "data/indexers/repos.bleve/store/1", "data/sessions/a/b", "data/tmp/x", "log/forgejo.log");
        exclusions.Should().OnlyContain(exclusion => exclusion.Reason.Length > 0);
    }

    [Fact]
    public void Leaves_nothing_out_that_is_needed_though_it_lies_where_logs_should_be()
    {
        BytePath state = LayOut($"[database]\nDB_TYPE = sqlite3\nPATH = {_tree.At("forgejo/data/forgejo.db")}\n[log]\nROOT_PATH = {_tree.At("forgejo")}\n");
        _tree.Write("forgejo/data/forgejo.db", "x");
        _tree.Describe("forgejo", null, state).Exclusions.Should().NotContain(e => e.Covers(state.Combine("data/forgejo.db"), false));
        _tree.Notes.Should().Contain(note => note.Contains("all of it is kept"));
    }

    [Fact]
    public void Names_what_is_kept_in_an_object_store()
    {
        BytePath state = LayOut($"""
            [database]
            DB_TYPE = sqlite3
            [storage]
            STORAGE_TYPE = minio
            MINIO_SECRET_ACCESS_KEY = {Secret}
            [attachment]
            STORAGE_TYPE = local
            PATH = {_tree.MakeDirectory("files")}
            """);
        _tree.Write("forgejo/data/forgejo.db", "x");
        _tree.MakeDirectory("forgejo/data/gitea-repositories");
        _tree.Describe("forgejo", null, state).Roots.Should().Contain(_tree.At("files"));
        _tree.Notes.Should().Contain(note => note.Contains(" lfs ") && note.Contains("object store")).And.NotContain(note => note.Contains(" attachments ")).And.NotContain(note => note.Contains(Secret));
    }

    [Theory]
    [InlineData("PROTOCOL = https\nHTTP_ADDR = 0.0.0.0", "127.0.0.1", 3000)]
    [InlineData("USE_PROXY_PROTOCOL = true\nHTTP_ADDR = 127.0.0.1\nHTTP_PORT = 80", "127.0.0.1", 80)]
    public void Only_connects_where_plain_HTTP_would_be_refused(string server, string host, int port)
    {
        BytePath state = LayOut($"[database]\nDB_TYPE = sqlite3\n[server]\n{server}\n");
        _tree.Write("forgejo/data/forgejo.db", "x");
        _tree.Describe("forgejo", null, state).Health.Should().Be(new TcpProbe(host, port));
    }

    [Fact]
    public void Asks_nobody_on_a_Unix_socket_and_says_so()
    {
        BytePath state = LayOut("[database]\nDB_TYPE = sqlite3\n[server]\nPROTOCOL = http+unix\nHTTP_ADDR = /run/forgejo.sock\n");
        _tree.Write("forgejo/data/forgejo.db", "x");
        _tree.MakeDirectory("forgejo/data/gitea-repositories");
        _tree.Describe("forgejo", null, state).Health.Should().BeNull();
        _tree.Notes.Should().ContainSingle().Which.Should().Contain("only its unit is asked");
    }

    [Fact]
    public void Names_a_secret_that_is_not_where_it_should_be()
    {
        BytePath state = LayOut("[database]\nDB_TYPE = sqlite3\n[security]\nSECRET_KEY_URI = file:/no/secret_key\n");
        _tree.Write("forgejo/data/forgejo.db", "x");
        _tree.MakeDirectory("forgejo/data/gitea-repositories");
        _tree.Describe("forgejo", null, state);
        _tree.Notes.Should().ContainSingle().Which.Should().Contain("security.SECRET_KEY_URI").And.Contain("/no/secret_key");
    }

    [Theory]
    [InlineData($"[database]\nDB_TYPE = mysql\nPASSWD = {Secret}\n", "cannot dump")]
    [InlineData($"[database]\nPASSWD = {Secret}\n", "DB_TYPE")]
    [InlineData("[database]\nDB_TYPE = sqlite3\n", "does not exist or is empty")]
    [InlineData($"[database]\nDB_TYPE = postgres\nPASSWD = {Secret}\n", "names no database")]
    [InlineData($"[database]\nDB_TYPE = postgres\nNAME = x\nUSER = y\nHOST = h:port\nPASSWD = {Secret}\n", "port")]
    [InlineData("[database]\nDB_TYPE = sqlite3\nPATH = ../x\n", "`..`")]
    [InlineData($"[database]\nDB_TYPE = postgres\nNAME = x\n[repository]\nROOT = /no/repositories\n", "/no/repositories")]
    [InlineData($"[database]\n{Secret}\n", "line 2, column 1")]
    [InlineData($"[database\nPASSWD = {Secret}\n", "line 1, column 1")]
    [InlineData($"[database]\nPASSWD = `{Secret}\n", "line 2, column 1")]
    [InlineData("", "DB_TYPE")]
    public void Refuses_a_configuration_that_it_cannot_use_and_repeats_no_secret(string ini, string named)
    {
        ServiceLayoutException refused = _tree.Refuse("forgejo", null, LayOut(ini));
        refused.Message.Should().Contain(named);
        refused.ToString().Should().NotContain(Secret);
    }

    [Fact]
    public void Throws_nothing_else_whatever_it_reads()
    {
        string[] pieces = ["[", "]", "database", "DB_TYPE", "=", ":", "postgres", "sqlite3", "`", "\"\"\"", "\"", "'", "#", ";", "\n", "%(", ")s", "HOST", "NAME", "/", "..", "\0", "é", " ", "\ufeff", "[database]\n", "NAME=%(NAME)s\n", "[storage]\n", "PATH="];
        BytePath state = LayOut("");
        Gen.Int[0, pieces.Length - 1].Select(i => pieces[i]).Array[0, 20].Sample(parts =>
        {
            File.WriteAllText(state.Combine("custom/conf/app.ini").ToString(), "[database]\nDB_TYPE=postgres\nNAME=x\n" + string.Concat(parts));
            try
            {
                ServiceProfiles.For("forgejo")!.Describe(new ServiceFacts { Name = "it", Kind = "forgejo", DataPaths = [state] }, _ => { });
            }
            catch (ServiceLayoutException)
            {
                // what is promised
            }
        }, iter: 1_000, threads: 1);
    }

    private BytePath LayOut(string ini)
    {
        _tree.Write("forgejo/custom/conf/app.ini", ini);
        _tree.Write("forgejo/custom/conf/secret_key", Secret);
        _tree.MakeDirectory("forgejo/data");
        return _tree.At("forgejo");
    }

    public void Dispose() => _tree.Dispose();
}
