using BackupTool.Operations.Replacing.Planning;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Restore.InPlace;

/// <summary>A plan in sentences, in the order of doing.</summary>
internal static class RestoreSteps
{
    internal static IReadOnlyList<string> Describe(InPlaceRequest request, IReadOnlyList<PlannedRestore> restores, QuiescePlan quiesce)
    {
        var steps = new List<string>();
        foreach (PlannedRestore restore in restores)
        {
            foreach (PlacedItem item in restore.Placement.Items) steps.Add($"extract {Kind(item)}/{item.Member} beside {item.Live}, and check it");
            foreach (PlannedDatabase database in restore.Databases) steps.Add($"restore /{database.Member.Path} into a new PostgreSQL database beside {database.Target.Database}, and check it");
            foreach (StateEdit edit in restore.Edits) steps.Add($"in {(edit.Database is { } member ? $"/{member}" : "the new PostgreSQL databases")}, where there is a table {edit.Table}: {edit.Reason}");
        }
        steps.Add(request.SkipsSafety ? "make no snapshot of the present state: only the replaced files and databases are kept"
            : $"back up the present state of {string.Join(", ", restores.Select(static restore => restore.Settings.Name))} (label {request.SafetyLabel}, pinned)");
        foreach (PlanStep step in quiesce.Steps)
        {
            // The cut is where the states change places.
            if (step.IsCut) AddExchange(steps, restores);
            else if (step.Unit is not null) steps.Add(step.Sentence);
        }
        steps.Add("keep the new state when all are healthy; otherwise put the old one back, and start it");
        return steps;
    }

    private static void AddExchange(List<string> steps, IReadOnlyList<PlannedRestore> restores)
    {
        foreach (PlannedRestore restore in restores)
        {
            foreach (PlacedItem item in restore.Placement.Items)
            {
                steps.Add($"exchange {item.Live} with what was extracted (a rename)");
                if (item.Carried.Count > 0) steps.Add($"leave what backups leave out where it is: {string.Join(", ", item.Carried.Take(5))}{(item.Carried.Count > 5 ? $" and {item.Carried.Count - 5} more" : "")}, in {item.Live}");
            }
            foreach (PlannedDatabase database in restore.Databases) steps.Add($"exchange the PostgreSQL database {database.Target.Database} with the new one (a rename)");
        }
    }

    private static string Kind(PlacedItem item) => item.Kind == Posix.FileKind.SymbolicLink ? "the link " : "";
}
