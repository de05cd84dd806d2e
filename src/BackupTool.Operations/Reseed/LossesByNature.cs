using BackupTool.Operations.Configuration;
using BackupTool.Operations.Reseed.Maubot;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;

namespace BackupTool.Operations.Reseed;

/// <summary>What a wipe cannot bring back whatever it does, by kind of service, and what that means for who runs it.</summary>
internal static class LossesByNature
{
    internal static IReadOnlyList<string> Of(BackupConfiguration configuration, WipeRequest request, WipePlan plan)
    {
        ServiceProfile? profile = ServiceProfiles.For(plan.Targets.Settings.Kind);
        IEnumerable<string> general = request.Method == ReseedMethod.Rows ? [SinceThen(plan)] : [];
        return [.. general, .. profile switch
        {
            MaubotProfile => OfMaubot(request.Method),
            ContinuwuityProfile => OfHomeserver(configuration, plan),
            SynapseProfile when request.Method == ReseedMethod.None => OfSynapse(configuration),
            MautrixProfile when request.Method == ReseedMethod.None => OfBridge,
            ForgejoProfile when request.Method == ReseedMethod.None => ["accounts, issues, keys and tokens are gone; the repositories are still on the disk, and an administrator can adopt them (Site Administration → Repositories → Unadopted)"],
            PostgresProfile => ["the databases are empty: every table, row and view in them is gone"],
            _ => [],
        }];
    }

    private static string SinceThen(WipePlan plan) => plan.Snapshot is { Snapshot: Snapshot snapshot }
        ? $"what was written after the snapshot was made ({snapshot.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss})" : "the rows that could not be read (see what was salvaged)";

    private static IEnumerable<string> OfMaubot(ReseedMethod method) => method switch
    {
        ReseedMethod.Rows =>
        [
            "the clients' sync tokens and filters are those of the copied rows: clients receive again what came since. If the homeserver was wiped or put back to an earlier state in the meantime, it does not know them: clear each client's cache in maubot",
            "the end-to-end encryption keys (Olm and Megolm) are as old as the copied rows: messages encrypted with keys that were received later stay unreadable, and other devices may have to open new sessions",
        ],
        ReseedMethod.Api => MaubotReseedReport.WhatIsLost,
        _ => ["clients, instances and their configurations: make them anew, or run this again with --reseed api or rows", .. MaubotReseedReport.WhatIsLost],
    };

    private static IEnumerable<string> OfHomeserver(BackupConfiguration configuration, WipePlan plan) =>
    [
        "this is a new server of the old name: its signing keys are new. Other servers that remember the old ones may refuse what it signs until they have fetched the new ones, and rooms that it was in do not know it any more",
        "accounts and access tokens: every user and bot must register and log in anew, every client is logged out; with the same user ids, but as strangers to the rooms",
        "rooms and their history, but for what other servers have of them: users must be invited again; rooms that lived on this server alone are gone",
        "end-to-end encryption: device lists, cross-signing keys and key backups of the users are gone: they must set these up and verify one another anew",
        "uploaded media: nothing refers to them any more; they are kept with the old database",
        Registrations(configuration) is { Length: > 0 } bridges
            ? $"appservice registrations lived in the database: register anew {bridges} (in the admin room, with each one's registration.yaml), and wipe the bridges, too, whose portals do not exist any more"
            : "appservice registrations lived in the database: register bridges anew (in the admin room, with their registration.yaml)",
        .. plan.Targets.Files.Where(static file => file.Carried.Count > 0).Select(static file => $"(kept in {file.Live}: {string.Join(", ", file.Carried)})"),
    ];

    private static IEnumerable<string> OfSynapse(BackupConfiguration configuration) =>
    [
        "accounts and access tokens: every user and bot must register and log in anew. The signing key is in a file of its own and stays",
        "rooms and their history, but for what other servers have of them; the media store stays on the disk, but nothing refers to it",
        "end-to-end encryption: device lists, cross-signing keys and key backups of the users",
        .. Registrations(configuration) is { Length: > 0 } bridges ? [$"the bridges' users and portals ({bridges}): wipe the bridges, too. Their registrations are in files and stay"] : (string[])[],
    ];

    private static string Registrations(BackupConfiguration configuration) =>
        string.Join(", ", configuration.Services.Where(static service => ServiceProfiles.For(service.Kind) is MautrixProfile).Select(static service => service.Name));

    private static IEnumerable<string> OfBridge =>
    [
        "the users' logins at the remote network: everybody must log in to the bridge anew",
        "which room belongs to which remote chat: the bridge makes new portal rooms, and the old ones stay behind without it",
        "which message is which on the other side: edits, reactions and replies to old messages are not bridged",
        "the end-to-end encryption keys of the bridge's devices, which were in the database. Configuration and registration stay",
    ];
}
