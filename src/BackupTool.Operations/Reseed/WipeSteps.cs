using BackupTool.Operations.Restore.InPlace;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Reseed;

/// <summary>A plan in sentences, in the order of doing.</summary>
internal static class WipeSteps
{
    internal static IReadOnlyList<string> Describe(WipeRequest request, WipeTargets targets, WipeSeed? seed, QuiescePlan quiesce)
    {
        string service = targets.Settings.Name;
        var steps = new List<string>
        {
            request.SkipsSafety ? "make no snapshot of the present state: only what is moved away is kept" : $"back up the present state of {service}, damaged as it may be (label {SafetySnapshot.WipeLabel}, pinned)",
        };
        if (seed is not null) steps.Add($"restore {string.Join(", ", seed.Databases.Values.Select(static member => $"/{member.Path}"))} of snapshot {seed.Snapshot.Id.Prefix} into a private directory");
        steps.AddRange(targets.Databases.Select(static database => $"make an empty PostgreSQL database beside {database.Database}, with its owner, encoding and grants"));
        steps.AddRange(targets.Files.Where(static file => file.IsDirectory).Select(static file => $"make an empty directory beside {file.Live}, with its owner and mode"));
        bool isMoved = false;
        foreach (PlanStep step in quiesce.Steps)
        {
            if (step.Unit is not null) steps.Add(step.Sentence);
            else if (!isMoved) isMoved = AddMoves(steps, targets);
        }
        if (!isMoved) AddMoves(steps, targets);
        if (targets.Files.Any(static file => !file.IsDirectory)) steps.Add("copy what can be read of a damaged database into a new one, for whoever needs it");
        steps.AddRange(Fill(request, targets, seed));
        steps.Add("keep the new state when all are healthy; otherwise put the old one back, and start what was up before");
        return steps;
    }

    private static bool AddMoves(List<string> steps, WipeTargets targets)
    {
        foreach (WipedFile file in targets.Files)
        {
            steps.Add(file.IsDirectory ? $"exchange {file.Live} with the empty directory (a rename)" : file.IsThere ? $"move {file.Live} away, with its -wal, -shm and -journal (a rename each)" : $"move away what is beside {file.Live}, which does not exist");
            if (file.Carried.Count > 0) steps.Add($"leave what is not the database's in {file.Live}: {string.Join(", ", file.Carried.Take(5))}{(file.Carried.Count > 5 ? $" and {file.Carried.Count - 5} more" : "")}");
        }
        foreach (Services.Sources.Postgres.PostgresTarget database in targets.Databases) steps.Add($"exchange the PostgreSQL database {database.Database} with the empty one (a rename)");
        return true;
    }

    private static IEnumerable<string> Fill(WipeRequest request, WipeTargets targets, WipeSeed? seed) => request.Method switch
    {
        ReseedMethod.Rows =>
        [
            $"stop {targets.Settings.Name} again, copy the rows of {(seed is null ? "what could be salvaged" : $"snapshot {seed.Snapshot.Id.Prefix}")} into the new schema (one transaction, references checked), start it",
            .. targets.IsMaubot ? ["see in its management interface that clients and instances have started"] : (string[])[],
        ],
        ReseedMethod.Api =>
        [
            $"through its management interface: plugins that are missing, then clients, then instances of snapshot {seed?.Snapshot.Id.Prefix}, under their own ids; wait until each has started",
            .. request.FreshDevices is { } fresh ? [$"log in anew, as new devices: {string.Join(", ", fresh.Users)}"] : (string[])[],
        ],
        _ => [],
    };
}
