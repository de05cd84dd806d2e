using BackupTool.Posix;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Operations.Configuration;

/// <summary>One thing that is wrong, or dubious, in a configuration file.</summary>
/// <param name="File">The file.</param>
/// <param name="Line">Counted from 1; 0 when it is about the file as a whole.</param>
/// <param name="Column">In characters, counted from 1; 0 when it is about the file as a whole.</param>
/// <param name="Message">A sentence without its full stop.</param>
/// <param name="Hint">What to do, as a sentence; null when the message says it.</param>
/// <param name="IsWarning">True when the configuration can be used all the same.</param>
public sealed record ConfigurationProblem(string File, int Line, int Column, string Message, string? Hint, bool IsWarning)
{
    /// <summary><c>file:line:column: message</c>, without the hint.</summary>
    public override string ToString() => (Line == 0 ? $"{File}: " : $"{File}:{Line}:{Column}: ") + (IsWarning ? "warning: " : "") + Message;
}

/// <summary>A configuration that cannot be used. Holds everything that was found, not just the first.</summary>
public sealed class ConfigurationException : ExplainedException
{
    /// <summary>Makes the exception of at least one error; warnings may be among the problems.</summary>
    public ConfigurationException(IReadOnlyList<ConfigurationProblem> problems, Exception? innerException = null)
        : base(string.Join('\n', problems.Count == 1 ? problems : problems.Select(WithHint)), problems.Count == 1 ? problems[0].Hint : null, innerException) =>
        Problems = problems;

    /// <summary>Everything found, in the order of the file: errors and warnings.</summary>
    public IReadOnlyList<ConfigurationProblem> Problems { get; }

    private static object WithHint(ConfigurationProblem problem) => problem.Hint is null ? problem : $"{problem}\n    {problem.Hint}";
}

/// <summary>Collects what is found in one file.</summary>
internal sealed class ProblemList(BytePath file)
{
    private readonly List<ConfigurationProblem> _problems = [];

    /// <summary>Errors and warnings so far.</summary>
    internal int Count => _problems.Count;

    internal bool HasErrors => _problems.Exists(static problem => !problem.IsWarning);

    internal void Add(TextPlace place, string message, string? hint = null) => Add(place, message, hint, isWarning: false);

    internal void Warn(TextPlace place, string message, string? hint = null) => Add(place, message, hint, isWarning: true);

    /// <summary>These and others, of the same file.</summary>
    internal ProblemList With(ProblemList others)
    {
        var all = new ProblemList(file);
        all._problems.AddRange(_problems.Concat(others._problems));
        return all;
    }

    internal IReadOnlyList<ConfigurationProblem> InOrder() => [.. _problems.OrderBy(static problem => (problem.Line, problem.Column))];

    private void Add(TextPlace place, string message, string? hint, bool isWarning) =>
        _problems.Add(new ConfigurationProblem(file.ToString(), place.Line, place.Column, message, hint, isWarning));
}
