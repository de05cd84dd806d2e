using BackupTool.Posix;

namespace BackupTool.Services.Profiles;

/// <summary>A maubot plugin file that maubot could not load: broken, cut short, or not a plugin.</summary>
public sealed class DamagedPluginException(BytePath file, string why, Exception? innerException = null)
    : ExplainedException($"The plugin {file} is damaged: {why}.",
        "Upload the plugin anew in maubot, or restore the file from an earlier snapshot; maubot moves such a file to its trash when it starts.", innerException)
{
    /// <summary>The plugin file.</summary>
    public BytePath File { get; } = file;
}
