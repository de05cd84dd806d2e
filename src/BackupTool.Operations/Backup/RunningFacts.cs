using System.Globalization;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Services.Homeservers;
using BackupTool.Services.Profiles;
using BackupTool.Services.Systemd;

namespace BackupTool.Operations.Backup;

/// <summary>
/// What only a running service and its unit can tell, for whoever restores it: which server it is, and which program ran. Asked before anything is stopped; what cannot be learnt is told as a
/// message, and never costs the backup.
/// </summary>
internal static class RunningFacts
{
    /// <summary>Facts of a snapshot: <c>signing-keys</c>, <c>server-version</c>, <c>program</c>.</summary>
    internal const string SigningKeys = "signing-keys", ServerVersion = "server-version", Program = "program";

    private static readonly string[] Homeservers = ["continuwuity", "synapse"];

    // Where systemd looks for a program without a path (systemd.service(5), COMMAND LINES).
    private static readonly string[] ProgramPlaces = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

    /// <summary>Asks.</summary>
    internal static async Task<SortedDictionary<string, string>> AskAsync(ServiceSettings settings, ServiceLayout layout, CutContext context, CancellationToken cancellationToken)
    {
        var facts = new SortedDictionary<string, string>(StringComparer.Ordinal);
        try
        {
            bool isUp = settings.Unit is not { } unit || (await context.Manager.DescribeAsync([unit], cancellationToken))[0].IsActive;
            if (settings.Unit is { } named && await context.Manager.FindProgramAsync(named, cancellationToken) is { } program && Describe(program) is { } described) facts[Program] = described;
            if (isUp) await AskHomeserverAsync(settings, layout, facts, context, cancellationToken);
        }
        catch (Exception e) when (e is ServiceManagerException or PosixException)
        {
            context.Progress.Message($"{settings.Name}: not everything is recorded that would help a restore: {e.Message}");
        }
        return facts;
    }

    /// <summary>Whether services of a kind are homeservers, which can say who they are.</summary>
    internal static bool IsHomeserver(string kind) => ServiceProfiles.For(kind) is { } profile && Homeservers.Contains(profile.Kind);

    private static async Task AskHomeserverAsync(ServiceSettings settings, ServiceLayout layout, SortedDictionary<string, string> facts, CutContext context, CancellationToken cancellationToken)
    {
        if (!IsHomeserver(settings.Kind) || (HomeserverIdentity.BaseOf(layout.Health) ?? HomeserverIdentity.BaseOf(settings.Health.Probe)) is not { } url) return;
        HomeserverIdentity identity = await HomeserverIdentity.AskAsync(url, context.Time, cancellationToken);
        if (identity.SigningKeys.Count > 0) facts[SigningKeys] = string.Join(", ", identity.SigningKeys);
        if (identity.Version is { } version) facts[ServerVersion] = version;
        if (identity.Problem is { } problem) context.Progress.Message($"{settings.Name}: the server does not tell who it is: {problem}");
    }

    /// <summary>A program by the file that its links lead to: <c>/nix/store/…/bin/maubot (1234 bytes, 2026-11-23T02:30:00Z)</c>; null when it is not there.</summary>
    internal static string? Describe(string program)
    {
        IEnumerable<string> places = program.StartsWith('/') ? [program] : ProgramPlaces.Select(place => $"{place}/{program}");
        foreach (BytePath path in places.Select(static place => BytePath.From(place)))
        {
            if (!PosixFile.TryGetStatusFollowing(path, out FileStatus status)) continue;
            return string.Create(CultureInfo.InvariantCulture, $"{PosixFile.GetRealPath(path)} ({status.Size} bytes, {status.ModifiedAt.ToDateTimeOffset().UtcDateTime:yyyy-MM-dd'T'HH:mm:ss}Z)");
        }
        return null;
    }
}
