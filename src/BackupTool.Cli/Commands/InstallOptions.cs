using System.CommandLine;
using BackupTool.Operations.Installation;
using BackupTool.Posix;

namespace BackupTool.Cli.Commands;

/// <summary>What <c>install</c> and <c>uninstall</c> are told.</summary>
internal sealed class InstallOptions
{
    internal Option<bool> Timer { get; } = new("--timer") { Description = "A systemd timer for each schedule [default, or as it was installed]" };

    internal Option<bool> Agent { get; } = new("--agent") { Description = "The agent runs the schedules, in place of timers" };

    internal Option<bool> DryRun { get; } = new("--dry-run", "-n") { Description = "Only show what would change" };

    internal Option<bool> Yes { get; } = new("--yes", "-y") { Description = "Do not ask" };

    internal Option<bool> Force { get; } = new("--force") { Description = "Write over units that were changed by hand, too; do not ask" };

    internal Option<string?> Root { get; } = new("--root") { Description = "The system whose root directory this is: its files are written, its systemd is not spoken to", HelpName = "DIR" };

    internal Option<string?> Program { get; } = new("--program") { Description = "What the units run [default: this program]", HelpName = "FILE" };

    internal Option<string[]> Credential { get; } = new("--credential") { Description = "A secret that systemd hands to the units (LoadCredential=); the next time it is remembered, and forgotten when PATH is empty", HelpName = "NAME:PATH" };

    internal IEnumerable<Option> All => [Timer, Agent, DryRun, Yes, Force, Root, Program, Credential];

    internal bool IsOtherSystem(CommandContext context) => context.Value(Root) is not null;

    internal BytePath RootOf(CommandContext context)
    {
        BytePath root = context.Value(Root) is { } directory ? CommandContext.AbsolutePath(directory) : BytePath.From("/");
        return PosixFile.TryGetStatusFollowing(root, out FileStatus status) && status.Kind == FileKind.Directory ? root : throw new UsageException($"{root} is no directory.", "Name the root directory of the system to install to.");
    }

    internal InstallSettings SettingsOf(CommandContext context, InstallRecord? record)
    {
        if (context.Value(Timer) && context.Value(Agent)) throw new UsageException("--timer and --agent exclude each other: every run would be started twice.", "Choose one of them.");
        return new InstallSettings
        {
            Mode = context.Value(Agent) ? InstallMode.Agent : context.Value(Timer) ? InstallMode.Timer : record?.Mode ?? InstallMode.Timer,
            Program = ProgramOf(context),
            Credentials = CredentialsOf(context.Value(Credential) ?? [], record?.Credentials ?? []),
        };
    }

    private string ProgramOf(CommandContext context)
    {
        if (context.Value(Program) is { } given)
        {
            if (!given.StartsWith('/')) throw new UsageException($"--program {given} is no absolute path.", "systemd needs the whole path.");
            return given;
        }
        string self = Environment.ProcessPath ?? "";
        return self.Length > 0 && Path.GetFileName(self) != "dotnet" ? self : throw new UsageException("It is not known by which path this program can be run.", "Say it with --program /path/to/backup.");
    }

    private static List<InstalledCredential> CredentialsOf(string[] given, IReadOnlyList<InstalledCredential> before)
    {
        var credentials = before.ToDictionary(static credential => credential.Name, StringComparer.Ordinal);
        foreach (string text in given)
        {
            int colon = text.IndexOf(':', StringComparison.Ordinal);
            string name = colon < 0 ? "" : text[..colon], source = colon < 0 ? "" : text[(colon + 1)..];
            bool isName = name.Length > 0 && name is not ("." or "..") && name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');
            if (!isName || (source.Length > 0 && (!source.StartsWith('/') || source.Any(static c => char.IsControl(c) || char.IsWhiteSpace(c)))))
                throw new UsageException($"--credential {text} is not NAME:/PATH.", "Write it like --credential postgres:/run/secrets/postgres");
            if (source.Length == 0) credentials.Remove(name);
            else credentials[name] = new InstalledCredential(name, source);
        }
        return [.. credentials.Values.OrderBy(static credential => credential.Name, StringComparer.Ordinal)];
    }
}
