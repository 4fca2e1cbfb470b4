# Gives a fresh Redmine what the peer tests need, and writes one `name token` a line to the file that ACCOUNTS names:
#   handrail   may see, edit and comment issues of the project "support"
#   onlooker   may see them only: its changes are refused
# Issues of the tracker "Handrail task" carry the custom field "Handrail task", which holds the delegated task as JSON.
Setting.rest_api_enabled = '1'
Setting.login_required = '1'
new_status = IssueStatus.find_by(name: 'New') || IssueStatus.create!(name: 'New', is_closed: false)
done = IssueStatus.find_by(name: 'Done') || IssueStatus.create!(name: 'Done', is_closed: true)
handed = IssueStatus.find_by(name: 'Handed over') || IssueStatus.create!(name: 'Handed over', is_closed: false)
IssuePriority.first || IssuePriority.create!(name: 'Normal', is_default: true)
tracker = Tracker.find_by(name: 'Handrail task') || Tracker.create!(name: 'Handrail task', default_status: new_status)
field = IssueCustomField.find_by(name: 'Handrail task') ||
        IssueCustomField.create!(name: 'Handrail task', field_format: 'text', is_for_all: true, trackers: [tracker])
project = Project.find_by(identifier: 'support') || Project.create!(name: 'Support', identifier: 'support', is_public: false)
project.enabled_module_names = ['issue_tracking']
project.trackers = [tracker]
project.save!
accounts = { 'handrail' => [:view_issues, :add_issues, :edit_issues, :add_issue_notes], 'onlooker' => [:view_issues] }
tokens = accounts.map do |name, permissions|
  user = User.find_by(login: name) || User.new(firstname: name, lastname: 'Peer', mail: "#{name}@redmine.test")
  user.login = name
  user.password = user.password_confirmation = 'Correct-horse-77'
  user.must_change_passwd = false
  user.save!
  role = Role.find_by(name: name) || Role.new(name: name)
  role.permissions = permissions
  role.issues_visibility = 'all'
  role.save!
  [new_status, handed, done].permutation(2) do |from, to|
    WorkflowTransition.create!(tracker_id: tracker.id, role_id: role.id, old_status_id: from.id, new_status_id: to.id)
  end
  Member.create!(principal: user, project: project, roles: [role]) unless project.members.any? { |m| m.user_id == user.id }
  token = Token.where(user_id: user.id, action: 'api').first || Token.create!(user: user, action: 'api')
  "#{name} #{token.value}"
end
File.write(ENV.fetch('ACCOUNTS'), (tokens + ["field #{field.id}", "tracker #{tracker.id}", "new #{new_status.id}",
                                             "handed #{handed.id}", "done #{done.id}"]).join("\n") + "\n")
