using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace BackupTool.Tests.TestSupport;

/// <summary>
/// A PostgreSQL server of its own: Debian's programs, a new cluster in a temporary directory, a Unix socket there and a random port on 127.0.0.1. Runs as the system user postgres (nobody
/// where there is none; ourselves when we are not root), whose role <c>postgres</c> is let in by peer authentication. Dies with the test runner.
/// </summary>
public sealed class RealPostgres : IDisposable
{
    /// <summary>The server's lines of pg_hba.conf unless others are asked for: the superuser by who it is, everybody else by password.</summary>
    public const string PeerAndPasswords = """
        local all postgres peer map=superuser
        local all all scram-sha-256
        host all all 127.0.0.1/32 scram-sha-256
        """;

    private readonly string _directory = Directory.CreateTempSubdirectory("real-postgres-").FullName;
    private readonly bool _isRoot = Environment.UserName == "root";
    private readonly TaskCompletionSource _ended = new();
    private Process? _server;
    private string _log = "";

    private RealPostgres()
    {
        SystemUser = !_isRoot ? Environment.UserName : File.ReadLines("/etc/passwd").Any(line => line.StartsWith("postgres:", StringComparison.Ordinal)) ? "postgres" : "nobody";
        Port = FreePort();
    }

    /// <summary>Where Debian keeps the newest server and its programs.</summary>
    public static string Programs { get; } = Directory.Exists("/usr/lib/postgresql")
        ? Directory.GetDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin")).Where(bin => File.Exists(Path.Combine(bin, "initdb")))
            .OrderBy(bin => int.Parse(Path.GetFileName(Path.GetDirectoryName(bin)!), CultureInfo.InvariantCulture)).LastOrDefault() ?? ""
        : "";

    /// <summary>The directory of its socket: what a PostgresTarget takes for a host.</summary>
    public string SocketDirectory => _directory;

    /// <summary>Of the socket's name and of 127.0.0.1.</summary>
    public int Port { get; }

    /// <summary>The system user that it runs as, and that is role postgres to it.</summary>
    public string SystemUser { get; }

    /// <summary>Its data directory.</summary>
    public string DataDirectory => Path.Combine(_directory, "data");

    /// <summary>Starts a new one; <paramref name="settings"/> are further lines of postgresql.conf.</summary>
    public static RealPostgres Start(string authentication = PeerAndPasswords, string settings = "")
    {
        if (Programs.Length == 0) throw new InvalidOperationException("PostgreSQL's server is not installed: apt-get install postgresql");
        var server = new RealPostgres();
        try
        {
            server.Initialize(authentication, settings);
            server.Run();
            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    /// <summary>Runs SQL as role postgres and returns what psql prints: a row a line, columns divided by <c>|</c>.</summary>
    public string Sql(string database, string sql) =>
        Client("psql", ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", ConnectionString(database), "-f", "-"], sql).TrimEnd('\n');

    /// <summary>Makes a database of any name, like template0.</summary>
    public void CreateDatabase(string name) => Sql("postgres", $"CREATE DATABASE \"{name.Replace("\"", "\"\"")}\" TEMPLATE template0");

    /// <summary>Runs one of PostgreSQL's programs as the server's system user; throws unless it succeeds.</summary>
    public string Client(string program, string[] arguments, string input = "")
    {
        using Process process = Process.Start(Describe(program, arguments))!;
        Task<string> error = process.StandardError.ReadToEndAsync(), output = process.StandardOutput.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        process.WaitForExit();
        return process.ExitCode == 0 ? output.Result : throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {error.Result}");
    }

    /// <summary>For the programs: the socket, as role postgres.</summary>
    public string ConnectionString(string database) =>
        string.Create(CultureInfo.InvariantCulture, $"host='{_directory}' port='{Port}' user='postgres' dbname='{database.Replace("\\", "\\\\").Replace("'", "\\'")}'");

    /// <summary>Stops it at once, as a crash does; its files stay.</summary>
    public void Stop()
    {
        if (_server is null) return;
        if (!_ended.Task.IsCompleted) Process.Start("kill", ["-QUIT", $"{_server.Id}"]).WaitForExit();
        _ended.Task.Wait();
    }

    public void Dispose()
    {
        Stop();
        _server?.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private void Initialize(string authentication, string settings)
    {
        // Others may come to the socket; the data directory is private by itself.
        File.SetUnixFileMode(_directory, (UnixFileMode)0x1ed);
        if (_isRoot) Process.Start("chown", [SystemUser, _directory]).WaitForExit();
        Client("initdb", ["-D", DataDirectory, "-U", "postgres", "--auth=reject", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]);
        File.WriteAllText(Path.Combine(DataDirectory, "pg_hba.conf"), authentication + "\n");
        File.WriteAllText(Path.Combine(DataDirectory, "pg_ident.conf"), $"superuser {SystemUser} postgres\n");
        File.AppendAllText(Path.Combine(DataDirectory, "postgresql.conf"), string.Create(CultureInfo.InvariantCulture, $"""

            listen_addresses = '127.0.0.1'
            port = {Port}
            unix_socket_directories = '{_directory}'
            fsync = off
            max_connections = 40
            shared_buffers = 16MB
            {settings}

            """));
    }

    private void Run()
    {
        ProcessStartInfo description = Describe("postgres", ["-D", DataDirectory]);
        var started = new TaskCompletionSource();
        // The kernel ends the server when the thread that started it ends, which must not be one of the pool's.
        new Thread(() =>
        {
            _server = Process.Start(description)!;
            _server.StandardInput.Close();
            _server.BeginOutputReadLine();
            started.SetResult();
            _log = _server.StandardError.ReadToEnd();
            _server.WaitForExit();
            _ended.SetResult();
        })
        { IsBackground = true, Name = "PostgreSQL" }.Start();
        started.Task.Wait();
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                Client("pg_isready", ["-q", "-h", _directory, "-p", $"{Port}"]);
                return;
            }
            catch (InvalidOperationException) when (attempt < 600 && !_ended.Task.IsCompleted)
            {
                Thread.Sleep(50);
            }
            catch (InvalidOperationException e)
            {
                throw new InvalidOperationException($"PostgreSQL did not start: {_log}", e);
            }
        }
    }

    private ProcessStartInfo Describe(string program, string[] arguments)
    {
        var start = new ProcessStartInfo("setpriv") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        string[] wrapping = _isRoot ? ["--reuid", SystemUser, "--regid", SystemUser == "nobody" ? "nogroup" : SystemUser, "--init-groups"] : [];
        foreach (string argument in (string[])[.. wrapping, "--pdeathsig", "KILL", "--", Path.Combine(Programs, program), .. arguments]) start.ArgumentList.Add(argument);
        start.Environment["LC_ALL"] = "C.UTF-8";
        start.Environment.Remove("PGHOST");
        return start;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
