using System.Text.RegularExpressions;
using BackupTool.Posix;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>Finds PostgreSQL's programs in a version that suits the server.</summary>
internal static partial class PostgresPrograms
{
    private const string NixOsPrograms = "/run/current-system/sw/bin";
    private static readonly TimeSpan VersionTimeout = TimeSpan.FromSeconds(10);

    /// <summary>util-linux's setpriv, which starts a program as another user and asks the kernel to end it with us.</summary>
    /// <exception cref="SourceException">There is none.</exception>
    internal static string SetPriv =>
        PathDirectories().Concat(["/usr/bin", "/bin", NixOsPrograms]).Select(directory => Path.Combine(directory, "setpriv")).FirstOrDefault(IsProgram)
        ?? throw new SourceException("setpriv is not on this host: PostgreSQL's programs cannot be started as another user", "Install util-linux.");

    /// <summary>
    /// The program in the server's own major version, or in the next newer one that there is: pg_dump refuses servers newer than itself, and what a newer one dumps an
    /// older server may not take back.
    /// </summary>
    /// <exception cref="SourceException">There is none, or all are too old.</exception>
    internal static async Task<string> FindAsync(string program, int serverMajor, SystemUser user, PostgresOptions options, CancellationToken cancellationToken)
    {
        (string Path, int Major)? best = null;
        List<string> tooOld = [];
        foreach (string path in Candidates(program, options))
        {
            if (await ReadMajorAsync(path, user, options.Time, cancellationToken) is not { } major) continue;
            if (major < serverMajor) tooOld.Add($"{path} is of version {major}");
            else if (best is null || major < best.Value.Major) best = (path, major);
            if (major == serverMajor) break;
        }
        return best?.Path ?? throw (tooOld.Count > 0
            ? new SourceException($"{program} is too old for PostgreSQL {serverMajor}: {string.Join(", ", tooOld)}", InstallHint(serverMajor))
            : new SourceException($"{program} is not on this host (looked in {string.Join(", ", Directories(options))})", InstallHint(serverMajor)));
    }

    private static string InstallHint(int major) =>
        $"Install PostgreSQL's client programs of version {major} or newer (Debian: postgresql-client-{major}; NixOS: environment.systemPackages = [ pkgs.postgresql_{major} ]).";

    private static IEnumerable<string> Candidates(string program, PostgresOptions options) =>
        // Debian's wrapper guesses a version of its own; the programs behind it are in our list themselves.
        Directories(options).Select(directory => Path.Combine(directory, program)).Where(IsProgram)
            .Select(path => PosixFile.GetRealPath(BytePath.From(path)).ToString()).Where(path => Path.GetFileName(path) != "pg_wrapper").Distinct();

    private static IEnumerable<string> Directories(PostgresOptions options) => options.ProgramDirectories
        ?? [.. PathDirectories(), .. DebianDirectories(), NixOsPrograms];

    private static IEnumerable<string> PathDirectories() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Where(Path.IsPathRooted);

    private static IEnumerable<string> DebianDirectories() =>
        Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin")).Order() : [];

    private static bool IsProgram(string path) =>
        File.Exists(path) && (File.GetUnixFileMode(path) & (UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)) != 0;

    /// <summary>Null when the program does not say a version of PostgreSQL's.</summary>
    private static async Task<int?> ReadMajorAsync(string path, SystemUser user, TimeProvider time, CancellationToken cancellationToken)
    {
        using var child = ChildProgram.Start(user, path, ["--version"]);
        using var limit = new CancellationTokenSource(VersionTimeout, time);
        using CancellationTokenRegistration onLimit = limit.Token.Register(child.Kill), onCancel = cancellationToken.Register(child.Kill);
        using var reader = new StreamReader(child.Output);
        Match match = VersionLine().Match(await reader.ReadToEndAsync(CancellationToken.None));
        await child.Ended;
        cancellationToken.ThrowIfCancellationRequested();
        return match.Success ? int.Parse(match.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture) : null;
    }

    [GeneratedRegex(@"\(PostgreSQL\) (\d{1,4})")]
    private static partial Regex VersionLine();
}
