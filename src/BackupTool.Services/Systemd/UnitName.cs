namespace BackupTool.Services.Systemd;

/// <summary>Names of units as systemctl takes them, but nothing it would take for a pattern, a path or an option (systemd.unit(5)).</summary>
internal static class UnitName
{
    private const int MostCharacters = 255;
    private static readonly string[] Suffixes = [".service", ".socket", ".device", ".mount", ".automount", ".swap", ".target", ".path", ".timer", ".slice", ".scope"];

    /// <summary>The whole name: what has no suffix is a service.</summary>
    /// <exception cref="ServiceManagerException">It is no name of one unit: a pattern, a template without its instance, characters that need escaping.</exception>
    internal static string Complete(string name)
    {
        string whole = Suffixes.Any(suffix => name.EndsWith(suffix, StringComparison.Ordinal)) ? name : name + ".service";
        string stem = whole[..whole.LastIndexOf('.')];
        if (stem.Length == 0 || whole.Length > MostCharacters || !stem.All(IsValid))
            throw new ServiceManagerException($"\"{name}\" is not the name of a systemd unit", "A name is of letters, digits and :-_.\\@, at most 255; \"systemd-escape\" makes one of other text, and \"systemctl list-unit-files\" shows what is there.");
        if (stem.EndsWith('@'))
            throw new ServiceManagerException($"{whole} is a template: only an instance of it can run", $"Name the instance, {stem}NAME{whole[stem.Length..]}; \"systemctl list-units '{stem}*'\" shows those that run.");
        return whole;
    }

    private static bool IsValid(char c) => char.IsAsciiLetterOrDigit(c) || c is ':' or '-' or '_' or '.' or '\\' or '@';
}
