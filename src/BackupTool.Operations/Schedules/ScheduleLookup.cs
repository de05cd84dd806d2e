using System.Text;
using BackupTool.Operations.Configuration;

namespace BackupTool.Operations.Schedules;

/// <summary>There is no schedule of this name.</summary>
public sealed class UnknownScheduleException(string message, string hint) : OperationException(message, hint);

/// <summary>Finds a schedule by its name.</summary>
public static class ScheduleLookup
{
    /// <summary>The schedule.</summary>
    /// <exception cref="ConfigurationException">Its file has errors. What is wrong with other schedules is none of this one's.</exception>
    /// <exception cref="UnknownScheduleException">There is none.</exception>
    public static ScheduleSettings Find(BackupConfiguration configuration, string name)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        if (configuration.Schedules.FirstOrDefault(schedule => schedule.Name == name) is { } found) return found;
        string folder = ScheduleFolder.Beside(configuration.File).ToString(), file = $"{folder}/{name}.toml";
        List<ConfigurationProblem> problems = [.. configuration.ScheduleProblems.Where(problem => problem.File == file)];
        if (problems.Count > 0) throw new ConfigurationException(problems);
        string[] known = [.. configuration.Schedules.Select(static schedule => schedule.Name)];
        string hint = known.Length == 0 ? $"There is none at all: a schedule is a file {folder}/NAME.toml."
            : $"{(NearestName.Find(name, known) is { } near ? $"Did you mean '{near}'? " : "")}There {(known.Length == 1 ? "is" : "are")}: {string.Join(", ", known)}.";
        throw new UnknownScheduleException($"There is no schedule '{name}' in {folder}.", hint);
    }

    /// <summary>The folder of the schedules, for messages.</summary>
    public static string FolderOf(BackupConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return Encoding.UTF8.GetString(ScheduleFolder.Beside(configuration.File).Bytes);
    }

    /// <summary>The step's word in <c>run = [...]</c>.</summary>
    public static string WordOf(ScheduleStep step) => ScheduleReader.WordOf(step);
}
