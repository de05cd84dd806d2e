namespace BackupTool.Operations.Replacing.Planning;

/// <summary>What was found while deciding: each once, and of very many only as many as a person reads.</summary>
internal sealed class PlacementFindings
{
    private const int MaxShown = 20;

    private readonly List<PlacementProblem> _problems = [];
    private readonly List<string> _notes = [];
    private long _furtherProblems, _furtherNotes;

    internal IReadOnlyList<PlacementProblem> Problems => _furtherProblems == 0 ? _problems
        : [.. _problems, new PlacementProblem($"{_furtherProblems:N0} more like these.", "Restore less with --include, or restore into a directory with --target.")];

    internal IReadOnlyList<string> Notes => _furtherNotes == 0 ? _notes : [.. _notes, $"{_furtherNotes:N0} more like these."];

    internal void Add(PlacementProblem problem)
    {
        if (_problems.Contains(problem)) return;
        if (_problems.Count < MaxShown) _problems.Add(problem);
        else _furtherProblems++;
    }

    internal void Note(string? note)
    {
        if (note is null || _notes.Contains(note)) return;
        if (_notes.Count < MaxShown) _notes.Add(note);
        else _furtherNotes++;
    }
}
