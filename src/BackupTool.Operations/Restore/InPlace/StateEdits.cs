using BackupTool.Posix;
using BackupTool.Services.Profiles;

namespace BackupTool.Operations.Restore.InPlace;

/// <summary>What must not come back as it was, by kind of service.</summary>
internal static class StateEdits
{
    /// <summary>The changes to a service's new state.</summary>
    /// <param name="kind">Its kind.</param>
    /// <param name="databases">Its SQLite databases, as members of the archive.</param>
    /// <param name="hasPostgres">It has dumps.</param>
    /// <param name="isHomeserverRestored">The homeserver is restored with it.</param>
    internal static IReadOnlyList<StateEdit> For(string kind, IReadOnlyList<BytePath> databases, bool hasPostgres, bool isHomeserverRestored)
    {
        IEnumerable<BytePath?> places = databases.Select(static database => (BytePath?)database);
        if (hasPostgres) places = places.Append(null);
        return ServiceProfiles.For(kind) switch
        {
            // A key that was handed out once must never be handed out again: the message that is encrypted with it could not be read.
            SynapseProfile => [.. places.Select(static place => new StateEdit(place, "e2e_one_time_keys_json", [], "DELETE FROM e2e_one_time_keys_json", "one-time keys that clients have used since are not handed out again"))],
            // The position is one in a stream that the restored homeserver has not reached.
            MaubotProfile when isHomeserverRestored =>
                [.. places.Select(static place => new StateEdit(place, "client", ["next_batch", "filter_id"], "UPDATE client SET next_batch = '', filter_id = ''", "clients sync afresh with the restored homeserver"))],
            _ => [],
        };
    }

    /// <summary>Whether a kind is a homeserver.</summary>
    internal static bool IsHomeserver(string kind) => ServiceProfiles.For(kind) is ContinuwuityProfile or SynapseProfile;
}
