namespace BackupTool.Services.Profiles;

/// <summary>Any directory-based service: its paths, and nothing known about them.</summary>
public sealed class FilesProfile : ServiceProfile
{
    /// <inheritdoc/>
    public override string Kind => "files";

    /// <inheritdoc/>
    public override ServiceLayout Describe(ServiceFacts facts, Action<string> note)
    {
        ArgumentNullException.ThrowIfNull(facts);
        if (facts.DataPaths.Count == 0)
            throw new ServiceLayoutException($"The service {facts.Name} is of the kind `files` and names no paths.", "Set `data = \"/path\"` or `paths = [\"/path\", …]`.");
        var roots = new RootCollector(facts);
        foreach (var path in facts.DataPaths) roots.Add(path, "path");
        if (facts.ConfigFile is { } config) roots.Add(config, "config file");
        return new ServiceLayout { Roots = roots.Collect(), Damages = roots.Damages };
    }
}
