using BackupTool.Services.Sources.Postgres;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Sources.Postgres;

/// <summary>A server for the tests of one class, and short ways to what they all need.</summary>
public sealed class PostgresServer : IDisposable
{
    internal const string Password = "s3cret:with\\odd 'signs";

    public RealPostgres Real { get; } = RealPostgres.Start(settings: "max_prepared_transactions = 4\nwal_level = logical");

    public void Dispose() => Real.Dispose();

    internal static PostgresOptions Options { get; } = new() { ProgramDirectories = [RealPostgres.Programs] };

    /// <summary>A database as role postgres, through the socket, by peer authentication.</summary>
    internal PostgresTarget Peer(string database) =>
        new() { Database = database, Host = Real.SocketDirectory, Port = Real.Port, SystemUser = Real.SystemUser, Role = "postgres" };

    /// <summary>A database as a role with a password, through TCP.</summary>
    internal PostgresTarget Tcp(string database, string role, string password = Password) =>
        new() { Database = database, Host = "127.0.0.1", Port = Real.Port, Role = role, Password = new PostgresPassword(password) };

    /// <summary>A new database with a table <c>events(n, body)</c> of that many rows; returns its name.</summary>
    internal string NewDatabase(int rows, int bodyBytes = 20, string? name = null)
    {
        name ??= $"db{Guid.NewGuid():N}";
        Real.CreateDatabase(name);
        Real.Sql(name, $"""
            CREATE TABLE events(n bigint PRIMARY KEY, body text NOT NULL);
            ALTER TABLE events ALTER body SET STORAGE EXTERNAL;
            INSERT INTO events SELECT i, substr(repeat(md5(i::text), {bodyBytes / 32 + 1}), 1, {bodyBytes}) FROM generate_series(1, {rows}) i;
            """);
        return name;
    }

    /// <summary>A role that logs in with <see cref="Password"/>.</summary>
    internal string NewRole(string attributes = "", string password = Password)
    {
        string name = $"role{Guid.NewGuid():N}";
        Real.Sql("postgres", $"CREATE ROLE {name} LOGIN {attributes} PASSWORD '{password.Replace("'", "''", StringComparison.Ordinal)}'");
        return name;
    }

    /// <summary>Restores a dump into a new database with pg_restore itself; returns the database's name.</summary>
    internal string Restore(byte[] dump)
    {
        string name = $"restored{Guid.NewGuid():N}", file = Path.Combine(Real.SocketDirectory, name);
        Real.CreateDatabase(name);
        File.WriteAllBytes(file, dump);
        File.SetUnixFileMode(file, (UnixFileMode)0x1a4);
        Real.Client("pg_restore", ["--exit-on-error", $"--dbname={Real.ConnectionString(name)}", file]);
        return name;
    }

    /// <summary>Opens, pins and dumps a whole database.</summary>
    internal static async Task<byte[]> DumpAsync(PostgresTarget target)
    {
        await using PostgresSource source = await PostgresSource.OpenAsync(target, Options, Test.Token);
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
        return await ReadAllAsync(pinned.OpenDump(Test.Token));
    }

    /// <summary>The server's roles, as a snapshot keeps them.</summary>
    internal static async Task<string> GlobalsAsync(PostgresTarget target)
    {
        await using PostgresSource source = await PostgresSource.OpenAsync(target, Options, Test.Token);
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
        return System.Text.Encoding.UTF8.GetString(await ReadAllAsync(pinned.OpenGlobals(Test.Token)));
    }

    /// <summary>Everything that pg_dump says of a database, its own name and settings included.</summary>
    internal string Describe(string database) => string.Join('\n', Real.Client("pg_dump", ["--create", $"--dbname={Real.ConnectionString(database)}"]).Split('\n').Where(static line => !line.StartsWith('\\')));

    internal static async Task<byte[]> ReadAllAsync(Stream stream)
    {
        await using (stream)
        {
            var all = new MemoryStream();
            await stream.CopyToAsync(all, Test.Token);
            return all.ToArray();
        }
    }

    /// <summary>The processes whose parent is <paramref name="parent"/> and whose program has that name.</summary>
    internal static int[] ChildrenOf(int parent, string program) =>
        [.. Directory.GetDirectories("/proc").Select(directory => int.TryParse(Path.GetFileName(directory), out int pid) ? pid : 0)
            .Where(pid => pid > 0 && IsChild(pid, parent, program))];

    private static bool IsChild(int pid, int parent, string program)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{pid}/stat");
            string[] rest = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return stat.Contains($"({program})", StringComparison.Ordinal) && rest[1] == $"{parent}" && rest[0] != "Z";
        }
        catch (IOException)
        {
            return false;   // it has ended
        }
    }

    /// <summary>Waits for what must come soon.</summary>
    internal static async Task WaitUntilAsync(Func<bool> isSo, string what)
    {
        for (int i = 0; i < 1000; i++)
        {
            if (isSo()) return;
            await Task.Delay(10, Test.Token);
        }
        throw new TimeoutException($"waited for: {what}");
    }
}
