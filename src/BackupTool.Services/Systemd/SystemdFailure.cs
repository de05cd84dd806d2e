namespace BackupTool.Services.Systemd;

/// <summary>Makes errors with a way out of what systemd's programs say. Only their own words are used, never a unit's settings or output, which may hold secrets.</summary>
internal static class SystemdFailure
{
    private static readonly (string Words, string Hint)[] WaysOut =
    [
        ("Interactive authentication required", "Run it as root, or allow this user org.freedesktop.systemd1.manage-units in polkit."),
        ("Access denied", "Run it as root, or allow this user org.freedesktop.systemd1.manage-units in polkit."),
        ("Permission denied", "Run it as root."),
        ("insufficient permissions", "Run it as root, or add this user to the group systemd-journal."),
        ("may be requested by dependency only", "It refuses to be stopped or started by hand (RefuseManualStop=, RefuseManualStart=): name the unit that it belongs to, or use quiesce = \"freeze\"."),
        ("is masked", "Unmask it (systemctl unmask UNIT), or remove it from the configuration."),
        ("bad unit file setting", "\"systemd-analyze verify UNIT\" says which line of its unit file is wrong."),
        ("not found", "See \"systemctl list-unit-files\" for its name, and correct \"unit\" in the configuration."),
        ("not loaded", "See \"systemctl list-unit-files\" for its name, and correct \"unit\" in the configuration."),
        ("does not support freezing", "Only services with a cgroup (version 2) of their own can be frozen: use quiesce = \"stop\"."),
        ("Unit is inactive", "Only what runs can be frozen or thawed: see \"systemctl status UNIT\"."),
    ];

    /// <summary>systemd, or the way to it, is not there at all.</summary>
    internal static bool IsUnreachable(ClientAnswer answer) =>
        answer.Error.Contains("Running in chroot, ignoring", StringComparison.Ordinal) ||
        (answer.ExitCode != 0 && (answer.Error.Contains("has not been booted with systemd", StringComparison.Ordinal) || answer.Error.Contains("Failed to connect to bus", StringComparison.Ordinal)));

    internal static ServiceManagerException Unreachable(ClientAnswer answer) => new($"systemd cannot be reached: {Reason(answer)}",
        "Is this run inside a container or a chroot without systemd? Run it on the host, where the services are, as root.");

    internal static ServiceManagerException EndedBySignal(IReadOnlyList<string> command, ClientAnswer answer) => new($"\"{string.Join(' ', command)}\" was ended by signal {answer.ExitCode - 128}",
        "Something on this machine kills it: look for the out-of-memory killer in \"journalctl -k\", then try again.");

    /// <summary>A refusal, <paramref name="what"/> being the beginning of the sentence: "maubot.service cannot be frozen".</summary>
    internal static ServiceManagerException Refused(string what, string unit, ClientAnswer answer)
    {
        string reason = Reason(answer);
        string hint = WaysOut.Where(way => reason.Contains(way.Words, StringComparison.Ordinal)).Select(static way => way.Hint).FirstOrDefault() ?? "See \"systemctl status UNIT\" and \"journalctl -u UNIT -n 50\".";
        return new ServiceManagerException($"{what}: {reason}", hint.Replace("UNIT", unit, StringComparison.Ordinal));
    }

    /// <summary>What it said, in one line, without its advice and its warnings.</summary>
    internal static string Reason(ClientAnswer answer)
    {
        IEnumerable<string> said = answer.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(static line => !IsAdvice(line));
        string reason = string.Join(' ', said);
        return reason.Length == 0 ? $"exit status {answer.ExitCode}" : reason.TrimEnd('.');
    }

    private static bool IsAdvice(string line) =>
        line.StartsWith("See ", StringComparison.Ordinal) || line.StartsWith("Warning:", StringComparison.Ordinal) || line.StartsWith("Hint:", StringComparison.Ordinal) ||
        line.StartsWith("To force a start", StringComparison.Ordinal) || line.StartsWith("followed by ", StringComparison.Ordinal);
}
