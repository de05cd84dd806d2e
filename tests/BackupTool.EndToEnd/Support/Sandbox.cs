using BackupTool.Posix;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd.Support;

/// <summary>A fresh directory with a configuration, a repository, a staging directory and sources. It goes away with everything in it.</summary>
internal sealed class Sandbox : IDisposable
{
    private int _targets;

    internal Sandbox()
    {
        Root = Directory.CreateTempSubdirectory("backup-e2e-").FullName;
        Source = Make("source");
        Repository = Below("repository");
        Staging = Below("staging");
        ConfigFile = Below("backup.toml");
        State = Cli.MakeState(ConfigFile);
        Configure();
    }

    internal string Root { get; }

    /// <summary>The directory of the service <c>files</c>, there from the start.</summary>
    internal string Source { get; }

    /// <summary>Where the configured repository is to be.</summary>
    internal string Repository { get; set; }

    internal string Staging { get; set; }

    internal string ConfigFile { get; }

    /// <summary>The tool's state, where the configuration names none.</summary>
    internal string State { get; }

    internal string Below(string name) => Path.Combine(Root, name);

    /// <summary>Makes a directory in it.</summary>
    internal string Make(string name) => Directory.CreateDirectory(Below(name)).FullName;

    /// <summary>Writes the configuration: the service <c>files</c> of kind files, unless others are given as TOML.</summary>
    internal void Configure(params string[] services)
    {
        if (services.Length == 0) services = [FilesService("files", Source)];
        File.WriteAllText(ConfigFile, $"""
            [repository]
            path = "{Repository}"

            [staging]
            path = "{Staging}"

            {string.Join("\n\n", services)}

            """);
    }

    internal static string FilesService(string name, params string[] paths) =>
        $"[service.{name}]\nkind = \"files\"\npaths = [{string.Join(", ", paths.Select(static path => $"\"{path}\""))}]";

    internal Task<CliResult> RunAsync(params string[] arguments) => Cli.RunAsync([.. arguments, "--config", ConfigFile]);

    /// <summary>Makes the repository.</summary>
    internal async Task InitAsync() => (await RunAsync("init")).ShouldExit(0);

    /// <summary>Backs up; expects <paramref name="exitCode"/>. Returns the snapshot's id.</summary>
    internal async Task<string> BackUpAsync(int exitCode = 0) =>
        (await RunAsync("now", "--json")).ShouldExit(exitCode).Json.GetProperty("snapshot").GetString()!;

    /// <summary>Restores into a fresh directory, which is returned.</summary>
    internal async Task<string> RestoreAsync(string snapshot = "latest", params string[] more)
    {
        string target = Below($"restored-{++_targets}");
        CliResult restore = await RunAsync(["restore", snapshot, "--target", target, .. more]);
        restore.ShouldExit(restore.Error.Contains("is suspicious in ", StringComparison.Ordinal) ? 3 : 0);
        return target;
    }

    /// <summary>Verifies, and expects nothing but good.</summary>
    internal async Task VerifyAsync(string level = "structure") => (await RunAsync("verify", "--level", level)).ShouldExit(0);

    /// <summary>The ids of the snapshots, oldest first.</summary>
    internal async Task<string[]> ListAsync() =>
        [.. (await RunAsync("list", "--json")).ShouldExit(0).Json.GetProperty("snapshots").EnumerateArray().Select(static s => s.GetProperty("id").GetString()!)];

    /// <summary>Fails, listing every difference, unless <paramref name="path"/> stands in the target as it is (and everything in it).</summary>
    internal static void ShouldHold(string target, string path, string because = "") => ShouldHold(target, path, Look(path), because);

    /// <summary>As above, with what the path looked like before.</summary>
    internal static void ShouldHold(string target, string path, TreeFingerprint expected, string because = "") => Look(target + path).ShouldBe(expected, because);

    /// <summary>What a tree looks like, its root included; sockets are no part of a backup.</summary>
    internal static TreeFingerprint Look(string path) => TreeFingerprint.Of(path, includeRoot: true).Where(static entry => entry.Kind != FileKind.Socket);

    /// <summary>What interrupted runs would leave: files in tmp/, locks, staging directories. Empty when all is clean.</summary>
    internal IReadOnlyList<string> FindLeftovers() =>
    [
        .. FilesBelow(Path.Combine(Repository, "tmp")), .. FilesBelow(Path.Combine(Repository, "locks")),
        .. Directory.Exists(Staging) ? Directory.EnumerateFileSystemEntries(Staging) : [],
        .. Directory.EnumerateFileSystemEntries(Root, ".backup-staging-*", SearchOption.AllDirectories),
    ];

    /// <summary>Bytes of everything in the repository.</summary>
    internal long RepositoryBytes() => FilesBelow(Repository).Sum(static file => new FileInfo(file).Length);

    internal static IEnumerable<string> FilesBelow(string directory) =>
        Directory.Exists(directory) ? Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories) : [];

    // Not Directory.Delete: it cannot remove names that are not UTF-8.
    public void Dispose()
    {
        PosixDirectory.Current.RemoveTree(BytePath.From(Root));
        PosixDirectory.Current.RemoveTree(BytePath.From(State));
    }
}
